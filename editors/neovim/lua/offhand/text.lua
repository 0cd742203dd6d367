-- Offsets and pieces of text. Pure: knows no buffer and no server.
local M = {}

-- Bytes of the character that begins with this byte; a stray continuation byte counts as one.
local function bytes_of(lead)
  return lead >= 0xF0 and 4 or lead >= 0xE0 and 3 or lead >= 0xC0 and 2 or 1
end

-- Units of that character in a position encoding of the protocol.
local function units_of(lead, encoding)
  if encoding == 'utf-8' then
    return bytes_of(lead)
  end
  return encoding == 'utf-16' and lead >= 0xF0 and 2 or 1
end

--- How many units a text takes.
---@param text string
---@param encoding 'utf-8'|'utf-16'|'utf-32'
---@return integer
function M.units(text, encoding)
  if encoding == 'utf-8' then
    return #text
  end
  local units, at = 0, 1
  while at <= #text do
    units = units + units_of(text:byte(at), encoding)
    at = at + bytes_of(text:byte(at))
  end
  return units
end

--- The byte offset that a number of units leads to; the end of the line for too many.
---@param line string
---@param units integer
---@param encoding 'utf-8'|'utf-16'|'utf-32'
---@return integer
function M.byte_offset(line, units, encoding)
  if encoding == 'utf-8' then
    return math.min(units, #line)
  end
  local seen, at = 0, 1
  while at <= #line and seen < units do
    seen = seen + units_of(line:byte(at), encoding)
    at = at + bytes_of(line:byte(at))
  end
  return math.min(at - 1, #line)
end

--- The next word: white space and then either letters or signs.
---@param text string not empty
---@return string
function M.first_word(text)
  return text:match('^%s*[%w_\128-\255]+') or text:match('^%s*[^%w_%s\128-\255]+') or text
end

--- The rest of the line; the whole next line when the text begins with a line end.
---@param text string
---@return string
function M.first_line(text)
  return text:match('^\n*[^\n]*')
end

--- Spaces in place of tabs, as they would be drawn from a screen column on. (Virtual text draws tabs as ^I.)
---@param text string one line
---@param column integer 0-based screen column where it begins
---@param tabstop integer
---@return string
function M.expand_tabs(text, column, tabstop)
  if not text:find('\t', 1, true) then
    return text
  end
  local parts = {}
  for piece, tab in text:gmatch('([^\t]*)(\t?)') do
    column = column + vim.fn.strdisplaywidth(piece)
    local gap = tab == '' and 0 or tabstop - column % tabstop
    column = column + gap
    table.insert(parts, piece .. (' '):rep(gap))
  end
  return table.concat(parts)
end

--- Where the characters that a suggestion swallows stand in the suggestion, looked for from its end.
---@param line string what is suggested, one line
---@param swallowed string what stands behind the cursor and is part of the suggestion
---@return string[]|nil pieces what is new before each swallowed character and after the last; nil if they do not occur
function M.pieces_around(line, swallowed)
  local pieces, tail = {}, line
  local characters = {}
  for character in swallowed:gmatch('[%z\1-\127\192-\255][\128-\191]*') do
    table.insert(characters, character)
  end
  for index = #characters, 1, -1 do
    local found, from = nil, 1
    repeat
      local at = tail:find(characters[index], from, true)
      found, from = at or found, (at or 0) + 1
    until not at
    if not found then
      return nil
    end
    table.insert(pieces, 1, tail:sub(found + #characters[index]))
    tail = tail:sub(1, found - 1)
  end
  table.insert(pieces, 1, tail)
  return pieces
end

return M
