-- Tells the server where the cursor rests after it was moved without an edit, and which file has come to the front, so
-- that it can work ahead there. Says nothing while somebody types; knows nothing of suggestions.
local client = require('offhand.client')
local ghost = require('offhand.ghost')
local text = require('offhand.text')

local api = vim.api
local M = {}

-- How long the cursor must rest (ms): a key held down moves it some 30 times a second.
local REST_MS = 100

local timer
local ticks = {} ---@type table<integer, integer> the change of each buffer that was seen last
local told = '' -- the last place that the server heard of

local function tell()
  local buf = api.nvim_get_current_buf()
  local server = client.of(buf)
  if not server or api.nvim_get_mode().mode ~= 'n' or vim.fn.reg_executing() ~= '' then
    return
  end
  local row, column = unpack(api.nvim_win_get_cursor(0))
  local place = table.concat({ server.id, buf, api.nvim_buf_get_changedtick(buf), row, column }, ' ')
  if place == told then
    return
  end
  told = place
  local before = api.nvim_get_current_line():sub(1, column)
  client.notify(server, 'offhand/cursor', {
    textDocument = { uri = vim.uri_from_bufnr(buf) },
    position = { line = row - 1, character = text.units(before, server.offset_encoding or 'utf-16') },
  }, buf)
end

--- Tells the server where the cursor is, once it rests.
function M.rest()
  timer = timer or vim.loop.new_timer()
  timer:start(REST_MS, 0, vim.schedule_wrap(ghost.guard(tell)))
end

--- Watches where the user goes.
function M.watch()
  local group = api.nvim_create_augroup('offhand_cursor', {})
  local function on(events, action)
    api.nvim_create_autocmd(events, { group = group, callback = ghost.guard(action) })
  end
  -- Whether the buffer has changed since it was last looked at: then it was an edit that moved the cursor.
  local function edited(buf)
    local before, now = ticks[buf], api.nvim_buf_get_changedtick(buf)
    ticks[buf] = now
    return before ~= nil and before ~= now
  end
  on('CursorMoved', function(event)
    if client.of(event.buf) and not edited(event.buf) then
      M.rest()
    end
  end)
  on('BufEnter', function(event)
    edited(event.buf)
    if client.of(event.buf) then
      M.rest()
    end
  end)
  on('TextChanged', function(event)
    edited(event.buf)
  end)
  on('BufUnload', function(event)
    ticks[event.buf] = nil
  end)
end

return M
