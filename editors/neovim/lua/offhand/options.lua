-- The options of setup() and their defaults. Does not know what they are used for.
local M = {}

---@class offhand.Keys
---@field accept string|false takes the whole suggestion
---@field accept_word string|false takes its next word
---@field accept_line string|false takes the rest of its line
---@field dismiss string|false hides it until the text changes
---@field next string|false shows the next one; asks for one when none is shown

---@class offhand.Options
---@field cmd string[] how the server is started
---@field filetypes string|string[] where to suggest; '*' is everywhere
---@field settings table<string, any> settings of the server
---@field debounce_ms integer how long the keys must rest before the server is asked
---@field keys offhand.Keys
---@field auto_start boolean start with the first file of these types; otherwise :OffhandRestart does

---@type offhand.Options
M.defaults = {
  cmd = { 'offhand', 'serve' },
  filetypes = {
    'python', 'javascript', 'javascriptreact', 'typescript', 'typescriptreact', 'go', 'rust', 'c',
    'cpp', 'java', 'cs', 'ruby', 'php', 'lua', 'sh', 'bash', 'html', 'css', 'sql', 'yaml', 'toml',
  },
  settings = {},
  debounce_ms = 0,
  keys = {
    accept = '<Tab>',
    accept_word = '<M-Right>',
    accept_line = '<M-End>',
    dismiss = '<C-]>',
    next = '<M-]>',
  },
  auto_start = true,
}

-- What marks the folder that a file's project begins in.
M.root_markers = { '.git', 'pyproject.toml', 'setup.py', 'setup.cfg', '.hg' }

local types = {
  cmd = { table = true },
  filetypes = { table = true, string = true },
  settings = { table = true },
  debounce_ms = { number = true },
  keys = { table = true },
  auto_start = { boolean = true },
}

--- Lays the user's options over the defaults.
---@param given table|nil
---@return offhand.Options options
---@return string[] warnings one for each option that was ignored
function M.resolve(given)
  local options, warnings = vim.deepcopy(M.defaults), {}
  for name, value in pairs(given or {}) do
    if not types[name] then
      table.insert(warnings, ("setup(): there is no option '%s'."):format(name))
    elseif not types[name][type(value)] then
      table.insert(warnings, ("setup(): option '%s' cannot be a %s."):format(name, type(value)))
    elseif name == 'keys' then
      for key, lhs in pairs(value) do
        if M.defaults.keys[key] == nil then
          table.insert(warnings, ("setup(): there is no key '%s'."):format(key))
        else
          options.keys[key] = lhs
        end
      end
    else
      options[name] = value
    end
  end
  return options, warnings
end

return M
