-- Keys that act when a suggestion is shown and do otherwise what they did before. Does not know what a suggestion is.
local api = vim.api
local M = {}

-- The mapping that a key has in a buffer, the buffer's own before the global one; nil for none.
local function mapping_of(lhs)
  local found = vim.fn.maparg(lhs, 'i', false, true)
  if type(found.callback) == 'number' then
    -- 0.7 gives a number here, and the function only in its lists.
    local scope = found.buffer == 1 and api.nvim_buf_get_keymap(0, 'i') or api.nvim_get_keymap('i')
    for _, other in ipairs(scope) do
      found.callback = other.lhs == found.lhs and other.callback or found.callback
    end
  end
  return next(found) and found or nil
end

-- Gives the old mapping a name of its own, so that the new one can hand the key on to it.
local function keep(buf, name, old)
  local rhs = (old.rhs or ''):gsub('<SID>', ('<SNR>%d_'):format(old.sid or 0))
  api.nvim_buf_set_keymap(buf, 'i', name, rhs, {
    callback = old.callback,
    expr = old.expr == 1,
    -- A right side that begins with the key itself would come back here for ever.
    noremap = old.noremap == 1 or vim.startswith(rhs:lower(), old.lhs:lower()),
    silent = old.silent == 1,
    replace_keycodes = old.replace_keycodes == 1 and true or nil,
  })
end

--- Maps a key in the current buffer.
---@param lhs string
---@param action string the key sequence to run instead, a <Plug>
---@param applies fun(): boolean asked at each press; must not throw
function M.map(lhs, action, applies)
  local buf = api.nvim_get_current_buf()
  local old = mapping_of(lhs)
  if old and old.desc == action then
    return
  end
  local before = lhs
  if old then
    before = '<Plug>(offhand-before-' .. lhs:gsub('[<>]', '') .. ')'
    keep(buf, before, old)
  end
  -- Remapping is on so that <Plug> works; a result that begins with the key itself is not mapped again.
  vim.keymap.set('i', lhs, function()
    return applies() and action or before
  end, { buffer = buf, expr = true, remap = true, silent = true, desc = action })
end

return M
