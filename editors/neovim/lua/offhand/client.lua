-- The server: started once for all files, told of every file, asked and cancelled. One set of functions for all
-- versions of Neovim's client. Does not know what is shown.
local options = require('offhand.options')

local api = vim.api
local M = {}

-- Since 0.11 a client is an object with methods; before, a table of functions.
local with_self = vim.fn.has('nvim-0.11') == 1
local STOP_MS = 3000

---@class offhand.Status
---@field state 'stopped'|'missing'|'starting'|'loading'|'ready'|'busy'|'disabled'|'error'|'restarting'
---@field message string
---@field model string
M.status = { state = 'stopped', message = '', model = '' }

M.fault = nil ---@type string|nil the first error of the plugin itself, for :checkhealth

local chosen ---@type offhand.Options
local current_id ---@type integer|nil
local open = {} ---@type table<integer, boolean> buffers that the server knows
local wanted = {} ---@type table<integer, boolean> buffers that it should know
local watched = {} ---@type table<integer, boolean> buffers whose changes are looked at
local unheard = {} ---@type table<integer, integer> buffers that Neovim reports no more: the change last reported by us
local on_attach, on_down, on_more ---@type fun(buf: integer), fun(), fun(uri: string)
local restart_wanted, told_missing = false, false

local function call(client, method, ...)
  if with_self then
    return client[method](client, ...)
  end
  return client[method](...)
end

--- Says something to the user. A message that comes by itself must not make Neovim stop at a prompt in the middle of
--- typing: it is drawn over the one before it, and cut to the width of the screen.
---@param message string
---@param level integer|nil one of vim.log.levels
function M.say(message, level)
  message = 'offhand: ' .. message:gsub('%s+', ' ')
  vim.schedule(function()
    local room = vim.v.echospace
    if vim.fn.strdisplaywidth(message) > room then
      message = vim.fn.strcharpart(message, 0, room - 1) .. '…'
    end
    pcall(vim.cmd, 'redraw')
    vim.notify(message, level or vim.log.levels.INFO)
  end)
end

local function set_status(state, message, model)
  M.status = { state = state, message = message or '', model = model or M.status.model }
  pcall(vim.cmd, 'redrawstatus!')
end

local function project_root(path)
  local folder = vim.fn.fnamemodify(path, ':p:h')
  while true do
    for _, marker in ipairs(options.root_markers) do
      if vim.loop.fs_stat(folder .. '/' .. marker) then
        return folder
      end
    end
    local parent = vim.fn.fnamemodify(folder, ':h')
    if parent == folder then
      return nil
    end
    folder = parent
  end
end

local function settings_or_object(settings)
  -- An empty Lua table would travel as [].
  return next(settings) and settings or vim.empty_dict()
end

local function on_exit(id, code, signal)
  if id ~= current_id then
    return
  end
  current_id, open = nil, {}
  on_down()
  if restart_wanted then
    restart_wanted = false
    M.start()
  elseif code ~= 0 or signal ~= 0 then
    local reason = signal ~= 0 and ('signal ' .. signal) or ('exit code ' .. code)
    set_status('error', 'stopped, ' .. reason)
    M.say('the server stopped (' .. reason .. '). :OffhandRestart', vim.log.levels.WARN)
  else
    set_status('stopped')
  end
end

-- How the process is started. Neovim's own message about a server that fell over is so long that it stops the user at
-- a prompt; ours is enough, so from 0.10 on (where this is possible) Neovim is told of a normal end.
local function starter(ended)
  if vim.fn.has('nvim-0.10') == 0 then
    return chosen.cmd
  end
  return function(dispatchers)
    local tell = dispatchers.on_exit
    return vim.lsp.rpc.start(
      chosen.cmd,
      vim.tbl_extend('force', dispatchers, {
        on_exit = function(code, signal)
          ended.code, ended.signal = code, signal
          tell(0, 0)
        end,
      }),
      {}
    )
  end
end

local function configuration(root)
  local ended = {} -- how the process really ended, where Neovim does not know it
  local capabilities = vim.lsp.protocol.make_client_capabilities()
  capabilities.textDocument.inlineCompletion = { dynamicRegistration = false }
  local settings = settings_or_object(chosen.settings)
  return {
    name = 'offhand',
    cmd = starter(ended),
    root_dir = root,
    workspace_folders = root and { { uri = vim.uri_from_fname(root), name = root } } or nil,
    capabilities = capabilities,
    init_options = settings,
    settings = { offhand = settings },
    handlers = {
      ['offhand/status'] = function(_, params)
        if type(params) == 'table' then
          local function word(name)
            return type(params[name]) == 'string' and params[name] or nil
          end
          set_status(word('state') or M.status.state, word('message'), word('model'))
        end
      end,
      ['offhand/more'] = function(_, params)
        if type(params) == 'table' and type(params.uri) == 'string' then
          on_more(params.uri)
        end
      end,
    },
    on_attach = function(client, buf)
      if client.id == current_id then
        open[buf] = true
        on_attach(buf)
      end
    end,
    on_exit = vim.schedule_wrap(function(code, signal, id)
      on_exit(id, ended.code or code, ended.signal or signal)
    end),
  }
end

-- A file of another project joins the server that runs: one model in memory serves all.
local function announce_folder(client, root)
  local server = client.server_capabilities.workspace
  local takes_folders = server and server.workspaceFolders and server.workspaceFolders.supported
  local folders = client.workspace_folders or client.workspaceFolders or {}
  if not root or not takes_folders then
    return
  end
  local folder = { uri = vim.uri_from_fname(root), name = root }
  for _, known in ipairs(folders) do
    if known.uri == folder.uri then
      return
    end
  end
  table.insert(folders, folder)
  call(client, 'notify', 'workspace/didChangeWorkspaceFolders', { event = { added = { folder }, removed = {} } })
end

local function launch(buf, root)
  if vim.fn.executable(chosen.cmd[1]) == 0 then
    set_status('missing', 'no program ' .. chosen.cmd[1])
    if not told_missing then
      told_missing = true
      M.say("no program '" .. chosen.cmd[1] .. "': install Offhand, then :OffhandRestart", vim.log.levels.WARN)
    end
    return
  end
  set_status('starting')
  local config = configuration(root)
  if with_self then
    current_id = vim.lsp.start(config, {
      bufnr = buf,
      reuse_client = function()
        return false
      end,
    })
  else
    current_id = vim.lsp.start_client(config)
    if current_id then
      vim.lsp.buf_attach_client(buf, current_id)
    end
  end
  if not current_id then
    set_status('error', 'the server could not be started')
  end
end

-- Neovim (0.7 to 0.12) stops reporting a buffer's changes when it changes while no server is attached, as after a crash,
-- and does not begin again when one is. Notice that, so that the server never works on an old text.
local function watch(buf)
  if watched[buf] then
    return
  end
  watched[buf] = api.nvim_buf_attach(buf, false, {
    on_lines = function()
      local others = vim.lsp.get_clients and vim.lsp.get_clients({ bufnr = buf }) or vim.lsp.buf_get_clients(buf)
      if not current_id and next(others) == nil then
        unheard[buf] = unheard[buf] or 0
      end
    end,
    on_detach = function()
      watched[buf] = nil
    end,
  })
end

-- Reports such a buffer's whole text, if it is not the one that the server has.
local function report_changes(client, buf)
  local tick = api.nvim_buf_get_changedtick(buf)
  if unheard[buf] == nil or unheard[buf] == tick then
    return
  end
  unheard[buf] = tick
  local line_end = ({ dos = '\r\n', mac = '\r' })[vim.bo[buf].fileformat] or '\n'
  local text = table.concat(api.nvim_buf_get_lines(buf, 0, -1, true), line_end)
  call(client, 'notify', 'textDocument/didChange', {
    textDocument = { uri = vim.uri_from_bufnr(buf), version = tick },
    contentChanges = { { text = text .. (vim.bo[buf].endofline and line_end or '') } },
  })
end

local function attach(buf)
  watch(buf)
  local root = project_root(api.nvim_buf_get_name(buf))
  local client = current_id and vim.lsp.get_client_by_id(current_id)
  if not client then
    launch(buf, root)
  elseif not open[buf] then
    vim.lsp.buf_attach_client(buf, current_id)
    if client.server_capabilities then
      announce_folder(client, root)
    end
  end
end

---@param resolved offhand.Options
---@param callbacks { attached: fun(buf: integer), down: fun(), more: fun(uri: string) }
function M.configure(resolved, callbacks)
  chosen, on_attach, on_down, on_more = resolved, callbacks.attached, callbacks.down, callbacks.more
end

--- Makes a buffer known to the server, and starts it for the first one.
---@param buf integer
function M.want(buf)
  -- A buffer without a name has no address that the protocol could use.
  if vim.bo[buf].buftype ~= '' or api.nvim_buf_get_name(buf) == '' then
    return
  end
  wanted[buf] = true
  if chosen.auto_start or current_id then
    attach(buf)
  end
end

---@param buf integer
function M.forget(buf)
  wanted[buf], open[buf] = nil, nil
end

--- Starts the server for all buffers that want it.
function M.start()
  told_missing = false
  for buf in pairs(wanted) do
    if api.nvim_buf_is_loaded(buf) then
      attach(buf)
    end
  end
  if not current_id and M.status.state ~= 'missing' then
    M.say('no file is open that the server is for.')
  end
end

function M.restart()
  local id = current_id
  local client = id and vim.lsp.get_client_by_id(id)
  if not client then
    current_id = nil
    M.start()
    return
  end
  restart_wanted = true
  set_status('restarting')
  call(client, 'stop')
  vim.defer_fn(function()
    if current_id == id then
      call(client, 'stop', true)
    end
  end, STOP_MS)
end

--- The running server, if it knows the buffer.
---@param buf integer
---@return table|nil client
function M.of(buf)
  return open[buf] and current_id and vim.lsp.get_client_by_id(current_id) or nil
end

--- Sends a request. Never throws: a server that has just died answers nothing.
---@return integer|nil request_id
function M.request(client, method, params, buf, handler)
  local ok, sent, id = pcall(function()
    report_changes(client, buf)
    return call(client, 'request', method, params, handler, buf)
  end)
  return ok and sent and id or nil
end

--- Sends a notification about a buffer. Never throws either.
function M.notify(client, method, params, buf)
  pcall(function()
    report_changes(client, buf)
    call(client, 'notify', method, params)
  end)
end

---@param client table
---@param request_id integer
function M.cancel(client, request_id)
  pcall(call, client, 'cancel_request', request_id)
end

--- Runs a command of the server, for the current buffer if that has one, else for any.
---@param command string
---@param arguments any[]|nil
---@param on_result fun(result: any)|nil called if the server carried it out
function M.execute(command, arguments, on_result)
  local client = current_id and vim.lsp.get_client_by_id(current_id)
  local buf = next(open)
  if not client or not buf then
    M.say('the server is not running (' .. M.status.state .. '). :OffhandRestart', vim.log.levels.WARN)
    return
  end
  buf = open[api.nvim_get_current_buf()] and api.nvim_get_current_buf() or buf
  M.request(client, 'workspace/executeCommand', { command = command, arguments = arguments }, buf, function(err, result)
    if err then
      M.say(command .. ': ' .. (err.message or vim.inspect(err)), vim.log.levels.WARN)
    elseif on_result then
      on_result(result)
    end
  end)
end

return M
