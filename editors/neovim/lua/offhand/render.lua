-- Draws a suggestion as virtual text. Knows nothing of where it comes from or when it is shown.
local text = require('offhand.text')

local api = vim.api
local M = {}

local namespace = api.nvim_create_namespace('offhand')
local has_inline = vim.fn.has('nvim-0.10') == 1
local GHOST = 'OffhandGhost'

function M.define_highlight()
  api.nvim_set_hl(0, GHOST, { default = true, link = 'Comment' })
end

---@param buf integer
function M.clear(buf)
  if api.nvim_buf_is_valid(buf) then
    api.nvim_buf_clear_namespace(buf, namespace, 0, -1)
  end
end

local function mark(buf, row, column, position, chunks, below)
  local shown = {}
  for _, chunk in ipairs(chunks) do
    if chunk[1] ~= '' then
      table.insert(shown, chunk)
    end
  end
  api.nvim_buf_set_extmark(buf, namespace, row, column, {
    virt_text = #shown > 0 and shown or nil,
    virt_text_pos = #shown > 0 and position or nil,
    virt_lines = below and #below > 0 and below or nil,
    hl_mode = 'combine',
  })
end

-- Blanks that hide what is left of `covered` when `cover` is drawn over it.
local function padding(covered, cover)
  return (' '):rep(math.max(0, vim.fn.strdisplaywidth(covered) - vim.fn.strdisplaywidth(cover)))
end

--- Draws what would be inserted at the cursor.
---@param buf integer the current buffer
---@param row integer 0-based
---@param column integer byte offset of the cursor
---@param suggestion string may have several lines
---@param after string the line behind the cursor
---@param replace integer bytes of `after` that the suggestion takes the place of
function M.show(buf, row, column, suggestion, after, replace)
  M.clear(buf)
  local tabstop = vim.bo[buf].tabstop
  local lines = vim.split(suggestion, '\n', { plain = true })
  local first = text.expand_tabs(lines[1], vim.fn.virtcol('.') - 1, tabstop)
  local swallowed, beyond = after:sub(1, replace), after:sub(replace + 1)

  local below = {}
  for index = 2, #lines do
    -- 0.7 draws no virtual line of an empty text.
    local line = text.expand_tabs(lines[index], 0, tabstop)
    table.insert(below, { { line == '' and ' ' or line, GHOST } })
  end

  if after == '' then
    mark(buf, row, column, has_inline and 'inline' or 'overlay', { { first, GHOST } }, below)
  elseif #below > 0 then
    -- The rest of the cursor's line will stand behind the last new line: show it there.
    if beyond ~= '' then
      table.insert(below[#below], { beyond, 'Normal' })
    end
    mark(buf, row, column, 'overlay', { { first, GHOST }, { padding(after, first), 'Normal' } }, below)
  elseif beyond == '' then
    mark(buf, row, column, 'overlay', { { first, GHOST }, { padding(after, first), 'Normal' } })
  else
    local pieces = has_inline and text.pieces_around(first, swallowed)
    if pieces then
      local at = column
      for index, piece in ipairs(pieces) do
        if piece ~= '' then
          mark(buf, row, at, 'inline', { { piece, GHOST } })
        end
        if index < #pieces then
          at = at + #swallowed:match('^[%z\1-\127\192-\255][\128-\191]*', at - column + 1)
        end
      end
    else
      -- No inline text before 0.10: draw the rest of the line again, moved to the right.
      local rest = text.expand_tabs(beyond, vim.fn.virtcol('.') - 1 + vim.fn.strdisplaywidth(first), tabstop)
      mark(buf, row, column, 'overlay', { { first, GHOST }, { rest, 'Normal' }, { padding(after, first .. rest), 'Normal' } })
    end
  end
end

return M
