-- The life of a suggestion: asked for when the keys rest, shown while what is typed agrees with it, taken or dropped.
-- Knows when; `render` knows how it looks, `client` how the server is reached.
local client = require('offhand.client')
local render = require('offhand.render')
local text = require('offhand.text')

local api = vim.api
local M = {}

local INVOKED, AUTOMATIC = 1, 2

---@class offhand.Item
---@field buf integer
---@field row integer 0-based row and
---@field column integer byte offset where its text begins
---@field before string the line before that
---@field after string the line behind the cursor
---@field replace integer bytes of `after` that it takes the place of
---@field text string
---@field command table|nil what the server wants to hear when it is accepted

local debounce_ms = 0
local items, index = {}, 1 ---@type offhand.Item[], integer
local drawn_in ---@type integer|nil buffer that has virtual text
local asked ---@type table|nil the request under way: where it was asked and how to cancel it
local ticket = 0 -- grows with every plan to ask; an older timer or answer finds itself outdated
local timer

local function cursor()
  local at = api.nvim_win_get_cursor(0)
  return at[1] - 1, at[2]
end

-- Suggestions belong to plain typing by a person.
local function typing()
  return api.nvim_get_mode().mode == 'i'
    and vim.fn.pumvisible() == 0
    and vim.fn.reg_recording() == ''
    and vim.fn.reg_executing() == ''
    and not vim.o.paste
    and vim.bo.modifiable
end

-- What of the item is still to be typed; nil when the text or the cursor no longer agrees with it.
local function remaining(item)
  local row, column = cursor()
  if api.nvim_get_current_buf() ~= item.buf or row < item.row then
    return nil
  end
  local lines = api.nvim_buf_get_lines(item.buf, item.row, row + 1, false)
  local last = lines[#lines] or ''
  if (lines[1] or ''):sub(1, item.column) ~= item.before or last:sub(column + 1) ~= item.after then
    return nil
  end
  if row == item.row and column < item.column then
    return nil
  end
  lines[#lines] = last:sub(1, column)
  lines[1] = lines[1]:sub(item.column + 1)
  local typed = table.concat(lines, '\n')
  if #typed >= #item.text or item.text:sub(1, #typed) ~= typed then
    return nil
  end
  return item.text:sub(#typed + 1)
end

local function erase()
  if drawn_in then
    render.clear(drawn_in)
    drawn_in = nil
  end
end

local function cancel()
  ticket = ticket + 1
  if asked then
    client.cancel(asked.client, asked.id)
    asked = nil
  end
end

local function drop()
  items, index = {}, 1
  erase()
end

-- Draws the item as far as it is still to be typed, before the screen is drawn again: so it does not flicker.
local function refresh()
  local item = items[index]
  local rest = item and remaining(item)
  if not rest then
    drop()
    return false
  end
  if not typing() then
    erase()
    return false
  end
  local row, column = cursor()
  render.show(item.buf, row, column, rest, item.after, item.replace)
  drawn_in = item.buf
  return true
end

-- An item of the server's answer as seen from the cursor; nil if it is not one that can be shown here.
local function read_item(answer, place, encoding)
  if type(answer) ~= 'table' or type(answer.insertText) ~= 'string' then
    return nil
  end
  local from, to = place.column, place.column
  if type(answer.range) == 'table' then
    local first, last = answer.range.start, answer.range['end']
    if first.line ~= place.row or last.line ~= place.row then
      return nil
    end
    from = text.byte_offset(place.line, first.character, encoding)
    to = text.byte_offset(place.line, last.character, encoding)
  end
  local inserted = answer.insertText:gsub('\r\n?', '\n')
  local typed = place.line:sub(from + 1, place.column)
  if from > place.column or to < place.column or inserted:sub(1, #typed) ~= typed or #inserted == #typed then
    return nil
  end
  return {
    buf = place.buf,
    row = place.row,
    column = from,
    before = place.line:sub(1, from),
    after = place.line:sub(place.column + 1),
    replace = to - place.column,
    text = inserted,
    command = type(answer.command) == 'table' and answer.command or nil,
  }
end

local function still_at(place)
  local row, column = cursor()
  return api.nvim_get_current_buf() == place.buf
    and api.nvim_buf_get_changedtick(place.buf) == place.tick
    and row == place.row
    and column == place.column
end

local function take_answer(place, encoding, result)
  if not still_at(place) or type(result) ~= 'table' then
    return
  end
  items, index = {}, 1
  for _, answer in ipairs(type(result.items) == 'table' and result.items or result) do
    local ok, item = pcall(read_item, answer, place, encoding)
    if ok and item then
      table.insert(items, item)
    end
  end
  refresh()
end

local function ask(trigger)
  local buf = api.nvim_get_current_buf()
  local server = client.of(buf)
  if not server or not typing() then
    return
  end
  local row, column = cursor()
  local place = {
    buf = buf,
    row = row,
    column = column,
    line = api.nvim_get_current_line(),
    tick = api.nvim_buf_get_changedtick(buf),
  }
  local encoding = server.offset_encoding or 'utf-16'
  local mine = ticket
  local id = client.request(server, 'textDocument/inlineCompletion', {
    textDocument = { uri = vim.uri_from_bufnr(buf) },
    position = { line = row, character = text.units(place.line:sub(1, column), encoding) },
    context = { triggerKind = trigger },
  }, buf, function(err, result)
    if mine == ticket then
      asked = nil
      if not err then
        take_answer(place, encoding, result)
      end
    end
  end)
  asked = id and { client = server, id = id, place = place } or nil
end

local function ask_soon()
  cancel()
  local mine = ticket
  timer = timer or vim.loop.new_timer()
  timer:start(
    debounce_ms,
    0,
    vim.schedule_wrap(function()
      if mine == ticket then
        M.guard(ask)(AUTOMATIC)
      end
    end)
  )
end

--- A function that says what went wrong, once, instead of throwing in the middle of the user's typing.
---@param action function
---@return function
function M.guard(action)
  return function(...)
    local ok, result = pcall(action, ...)
    if ok then
      return result
    end
    if not client.fault then
      client.fault = tostring(result)
      client.say('this is a bug, see :checkhealth offhand', vim.log.levels.ERROR)
    end
  end
end

---@return boolean whether a suggestion is on the screen and can be taken
function M.visible()
  return drawn_in ~= nil and items[index] ~= nil and remaining(items[index]) ~= nil
end

--- Inserts the suggestion or a part of it.
---@param part 'all'|'word'|'line'
---@return boolean accepted false when none is shown
M.accept = M.guard(function(part)
  if not M.visible() then
    return false
  end
  local item = items[index]
  local rest = remaining(item)
  local taken = part == 'word' and text.first_word(rest) or part == 'line' and text.first_line(rest) or rest
  local whole = #taken == #rest
  local lines = vim.split(taken, '\n', { plain = true })
  local row, column = cursor()
  erase()
  api.nvim_buf_set_text(item.buf, row, column, row, column + (whole and item.replace or 0), lines)
  local end_column = #lines == 1 and column + #taken or #lines[#lines]
  api.nvim_win_set_cursor(0, { row + #lines, end_column })
  if not whole then
    refresh()
    return true
  end
  drop()
  if item.command then
    client.execute(item.command.command, item.command.arguments)
  end
  return true
end)

--- Hides the suggestion until the text changes.
M.dismiss = M.guard(function()
  cancel()
  drop()
end)

--- The suggestion has got more lines than were shown: asks again, if it is still on the screen.
---@param uri string of the document
M.more = M.guard(function(uri)
  if M.visible() and uri == vim.uri_from_bufnr(items[index].buf) then
    cancel()
    ask(AUTOMATIC)
  end
end)

--- Shows the next suggestion; asks for one when none is shown.
M.next = M.guard(function()
  if M.visible() then
    index = index % #items + 1
    refresh()
  else
    cancel()
    ask(INVOKED)
  end
end)

--- Watches what the user does.
---@param milliseconds integer how long the keys must rest before the server is asked
function M.watch(milliseconds)
  debounce_ms = milliseconds
  local group = api.nvim_create_augroup('offhand_ghost', {})
  local function on(events, action)
    api.nvim_create_autocmd(events, { group = group, callback = M.guard(action) })
  end
  local function here()
    return client.of(api.nvim_get_current_buf()) ~= nil
  end
  on({ 'TextChangedI', 'InsertEnter', 'CompleteDone' }, function()
    if here() and not refresh() then
      ask_soon()
    end
  end)
  on({ 'CursorMovedI', 'TextChangedP', 'CompleteChanged' }, function()
    if here() and not refresh() and asked and not still_at(asked.place) then
      cancel()
    end
  end)
  on({ 'InsertLeave', 'BufLeave', 'WinLeave' }, function()
    cancel()
    drop()
  end)
  on('ColorScheme', render.define_highlight)
  render.define_highlight()
end

return M
