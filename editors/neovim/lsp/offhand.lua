-- For those who let Neovim 0.12 show the suggestions itself, without the rest of this plugin:
--   vim.lsp.enable('offhand')
--   vim.lsp.inline_completion.enable()
-- Use either this or require('offhand').setup(), not both.
return {
  cmd = { 'offhand', 'serve' },
  filetypes = require('offhand.options').defaults.filetypes,
  root_markers = require('offhand.options').root_markers,
  init_options = vim.empty_dict(),
  settings = { offhand = vim.empty_dict() },
}
