-- :checkhealth offhand. Each line says "X ready" or "X unavailable: reason, what to do".
local client = require('offhand.client')
local options = require('offhand.options')

local M = {}

-- It loads the model and times it.
local DOCTOR_MS = 30000

-- The reporting functions were renamed in 0.10 and moved in 0.8.
local health = vim.health or require('health')
local start = health.start or health.report_start
local ok = health.ok or health.report_ok
local warn = health.warn or health.report_warn
local error_ = health.error or health.report_error

-- Runs a program; nil and the reason when it gives no answer in time.
local function output_of(command)
  local out, err = {}, {}
  local started, job = pcall(vim.fn.jobstart, command, {
    stdout_buffered = true,
    stderr_buffered = true,
    on_stdout = function(_, data)
      out = data
    end,
    on_stderr = function(_, data)
      err = data
    end,
  })
  if not started or job <= 0 then
    return nil, 'it does not start'
  end
  local code = vim.fn.jobwait({ job }, DOCTOR_MS)[1]
  if code == -1 then
    vim.fn.jobstop(job)
    return nil, ('no answer within %d s'):format(DOCTOR_MS / 1000)
  end
  local text = table.concat(out, '\n')
  if text == '' then
    return nil, ('exit code %d: %s'):format(code, table.concat(err, ' '):sub(-300))
  end
  return text
end

-- `offhand serve` -> `offhand doctor --json`, whatever stands before `serve`.
local function doctor_command(cmd)
  local command = {}
  for _, word in ipairs(cmd) do
    if word == 'serve' then
      break
    end
    table.insert(command, word)
  end
  vim.list_extend(command, { 'doctor', '--json' })
  return command
end

local function report_check(check)
  local text = check.text or 'no reason given'
  if check.level == 'ok' then
    ok(('%s ready: %s'):format(check.name, text))
    return
  end
  local advice = (check.advice or '') ~= '' and ', ' .. check.advice or ''
  if check.level == 'warning' then
    warn(('%s ready: %s%s'):format(check.name, text, advice))
  else
    error_(('%s unavailable: %s%s'):format(check.name, text, advice))
  end
end

local function check_doctor(cmd)
  local command = doctor_command(cmd)
  local text, reason = output_of(command)
  local decoded, found = pcall(vim.json.decode, text or '')
  if not text or not decoded or type(found) ~= 'table' then
    warn(
      ('offhand doctor unavailable: %s, run it in a terminal: %s'):format(
        reason or 'its answer is not JSON',
        table.concat(command, ' ')
      )
    )
    return
  end
  for _, check in ipairs(found.checks or {}) do
    report_check(check)
  end
end

local function check_client()
  if client.fault then
    error_('plugin unavailable: please report this: ' .. client.fault)
  end
  local attached = 0
  for _, other in ipairs((vim.lsp.get_clients or vim.lsp.get_active_clients)()) do
    attached = attached + (other.name == 'offhand' and 1 or 0)
  end
  local status = client.status
  if attached == 1 then
    ok('client ready: attached')
  elseif attached > 1 then
    warn("client unavailable: two servers run, use either require('offhand').setup() or vim.lsp.enable('offhand')")
  else
    warn("client unavailable: no file that it is for is open, open one (:help offhand-options, filetypes)")
  end
  local said = status.state .. (status.message ~= '' and ', ' .. status.message or '')
  if status.state == 'error' or status.state == 'missing' then
    error_('server unavailable: ' .. said .. ', see :OffhandStatus, then :OffhandRestart')
  else
    ok('server ready: ' .. said)
  end
end

function M.check()
  start('offhand')
  if vim.fn.has('nvim-0.10') == 1 then
    ok('Neovim ready')
  elseif vim.fn.has('nvim-0.7') == 1 then
    ok('Neovim ready: before 0.10 the text behind a suggestion loses its colours while it is shown')
  else
    error_('Neovim unavailable: too old, install 0.7 or newer')
    return
  end

  local chosen = require('offhand').options()
  if not chosen then
    warn("setup unavailable: never called, put require('offhand').setup() in your init.lua")
  end
  local cmd = (chosen or options.defaults).cmd
  if vim.fn.executable(cmd[1]) == 1 then
    ok('program ready: ' .. vim.fn.exepath(cmd[1]))
    check_doctor(cmd)
  else
    error_(("program unavailable: there is no '%s', install Offhand or set `cmd`"):format(cmd[1]))
  end
  if chosen then
    check_client()
  end
end

return M
