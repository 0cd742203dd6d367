-- Offhand in Neovim: what users call. See :help offhand.
local client = require('offhand.client')
local cursor = require('offhand.cursor')
local ghost = require('offhand.ghost')
local keys = require('offhand.keys')
local options = require('offhand.options')
local report = require('offhand.report')

local api = vim.api
local M = {}

local chosen ---@type offhand.Options|nil set by setup()

local actions = {
  accept = "<C-g>u<Cmd>lua require('offhand').accept()<CR><C-g>u",
  accept_word = "<C-g>u<Cmd>lua require('offhand').accept('word')<CR><C-g>u",
  accept_line = "<C-g>u<Cmd>lua require('offhand').accept('line')<CR><C-g>u",
  dismiss = "<Cmd>lua require('offhand').dismiss()<CR>",
  next = "<Cmd>lua require('offhand').next()<CR>",
}

local function plug(action)
  return '<Plug>(offhand-' .. action:gsub('_', '-') .. ')'
end

local function served()
  return client.of(api.nvim_get_current_buf()) ~= nil
end

local function map_keys(buf)
  api.nvim_buf_call(buf, function()
    for action, lhs in pairs(chosen.keys) do
      if lhs then
        keys.map(lhs, plug(action), action == 'next' and served or ghost.visible)
      end
    end
  end)
end

local function is_ours(buf)
  if type(chosen.filetypes) == 'string' and chosen.filetypes == '*' then
    return vim.bo[buf].filetype ~= ''
  end
  local list = type(chosen.filetypes) == 'string' and { chosen.filetypes } or chosen.filetypes
  return vim.tbl_contains(list, vim.bo[buf].filetype) or vim.tbl_contains(list, '*')
end

--- Starts Offhand. May be called again with other options.
---@param given table|nil see |offhand-options|
function M.setup(given)
  local warnings
  chosen, warnings = options.resolve(given)
  for _, warning in ipairs(warnings) do
    client.say(warning, vim.log.levels.WARN)
  end
  local function attached(buf)
    map_keys(buf)
    cursor.rest()
  end
  client.configure(chosen, { attached = ghost.guard(attached), down = ghost.dismiss, more = ghost.more })
  for action, sequence in pairs(actions) do
    api.nvim_set_keymap('i', plug(action), sequence, { noremap = true, silent = true })
  end

  local group = api.nvim_create_augroup('offhand', {})
  local function consider(buf)
    if api.nvim_buf_is_loaded(buf) and is_ours(buf) then
      client.want(buf)
    end
  end
  -- BufFilePost: a new buffer has got its name.
  api.nvim_create_autocmd({ 'FileType', 'BufFilePost' }, {
    group = group,
    callback = ghost.guard(function(event)
      consider(event.buf)
    end),
  })
  api.nvim_create_autocmd('BufUnload', {
    group = group,
    callback = ghost.guard(function(event)
      client.forget(event.buf)
    end),
  })
  ghost.watch(chosen.debounce_ms)
  cursor.watch()
  for _, buf in ipairs(api.nvim_list_bufs()) do
    consider(buf)
  end
end

--- Inserts the suggestion that is shown, or a part of it.
---@param part 'word'|'line'|nil nil for all of it
---@return boolean accepted false when none is shown
function M.accept(part)
  return ghost.accept(part or 'all')
end

M.dismiss = ghost.dismiss
M.next = ghost.next
M.visible = ghost.visible

local function if_set_up(action)
  return function()
    if not chosen then
      client.say("call require('offhand').setup() first, see :help offhand.", vim.log.levels.WARN)
      return
    end
    action()
  end
end

--- Switches suggestions on or off, in all files.
M.toggle = if_set_up(function()
  client.execute('offhand.toggle', nil, function(result)
    ghost.dismiss()
    client.say(type(result) == 'table' and result.enabled and 'on' or 'off')
  end)
end)

--- Shows the server's state.
M.status = if_set_up(function()
  client.execute('offhand.status', nil, function(result)
    report.show('status', report.lines(result))
  end)
end)

--- Shows what became of the last suggestions, and why.
M.why = if_set_up(function()
  client.execute('offhand.why', nil, function(result)
    report.show('why', report.lines(result))
  end)
end)

--- Shows what the model sees at the cursor: the pieces of other files with their reasons, then the prompt.
M.context = if_set_up(function()
  local running = client.of(api.nvim_get_current_buf())
  if not running then
    client.say('no server is attached to this buffer', vim.log.levels.WARN)
    return
  end
  local place = vim.lsp.util.make_position_params(0, running.offset_encoding)
  client.execute('offhand.context', { place }, function(result)
    local lines = report.lines(result.error or { tokens = result.tokens, snippets = result.snippets })
    if result.prompt then
      vim.list_extend(lines, { '' })
      vim.list_extend(lines, vim.split(result.prompt, '\n', { plain = true }))
    end
    report.show('context', lines)
  end)
end)

--- Stops the server and starts it again.
M.restart = if_set_up(client.restart)

--- The options in force, for :checkhealth; nil before setup().
---@return offhand.Options|nil
function M.options()
  return chosen
end

--- The server's state in a few words, for a status line.
---@return string
function M.statusline()
  local status = client.status
  local detail = status.message ~= '' and status.message or status.model
  return 'offhand: ' .. status.state .. (detail ~= '' and ' (' .. detail .. ')' or '')
end

return M
