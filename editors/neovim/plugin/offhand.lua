-- Loaded by Neovim at start: names the commands, starts nothing. Everything else waits for require('offhand').setup().
if vim.g.loaded_offhand then
  return
end
vim.g.loaded_offhand = true

if vim.fn.has('nvim-0.7') == 0 then
  vim.api.nvim_echo({ { 'offhand: Neovim 0.7 or newer is needed.', 'WarningMsg' } }, true, {})
  return
end

for name, action in pairs({
  OffhandToggle = { 'toggle', 'Switch suggestions on or off' },
  OffhandStatus = { 'status', 'Show the state of the Offhand server' },
  OffhandWhy = { 'why', 'Show what became of the last suggestions' },
  OffhandContext = { 'context', 'Show what the model sees at the cursor' },
  OffhandRestart = { 'restart', 'Stop the Offhand server and start it again' },
}) do
  vim.api.nvim_create_user_command(name, function()
    require('offhand')[action[1]]()
  end, { desc = action[2] })
end
