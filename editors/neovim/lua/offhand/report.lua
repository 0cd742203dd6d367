-- Makes the server's answers readable and shows them in a window of their own.
local api = vim.api
local M = {}

local is_list = vim.islist or vim.tbl_islist

local function append(lines, name, value, indent)
  local margin = ('  '):rep(indent)
  if type(value) ~= 'table' then
    local shown = value == vim.NIL and '-' or tostring(value)
    table.insert(lines, margin .. (name and name .. ': ' or '') .. shown:gsub('\n', '\\n'))
    return
  end
  if next(value) == nil then
    table.insert(lines, margin .. (name and name .. ': ' or '') .. '-')
    return
  end
  if name then
    table.insert(lines, margin .. name .. ':')
    indent = indent + 1
  end
  if is_list(value) then
    for position, entry in ipairs(value) do
      append(lines, type(entry) == 'table' and tostring(position) or nil, entry, indent)
    end
  else
    local names = vim.tbl_keys(value)
    table.sort(names)
    for _, key in ipairs(names) do
      append(lines, key, value[key], indent)
    end
  end
end

--- A JSON value as indented lines.
---@param value any
---@return string[]
function M.lines(value)
  local lines = {}
  append(lines, nil, value, 0)
  return lines
end

--- Shows lines below the current window; q closes them.
---@param title string
---@param lines string[]
function M.show(title, lines)
  local name = 'offhand://' .. title
  local buf = vim.fn.bufnr('^' .. name .. '$')
  if buf == -1 then
    buf = api.nvim_create_buf(false, true)
    api.nvim_buf_set_name(buf, name)
    vim.bo[buf].bufhidden = 'hide'
    api.nvim_buf_set_keymap(buf, 'n', 'q', '<Cmd>close<CR>', { silent = true, nowait = true })
  end
  vim.bo[buf].modifiable = true
  api.nvim_buf_set_lines(buf, 0, -1, false, lines)
  vim.bo[buf].modifiable = false
  if vim.fn.bufwinid(buf) == -1 then
    vim.cmd(('botright %dsplit'):format(math.min(#lines, math.floor(vim.o.lines / 2))))
    api.nvim_win_set_buf(0, buf)
  end
end

return M
