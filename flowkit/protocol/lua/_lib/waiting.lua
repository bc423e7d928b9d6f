-- waiting: ends an attempt that another one will replace: a retry, a postponed attempt, or one that
-- has called runs.

local function wait_for_retry(run, task, attempt, token, now)
  local delay, list, level = string.match(token, RETRY)
  local due = now + delay
  local entry = run .. ',' .. task .. ',' .. string.format('%d', attempt + 1) .. ',' .. list .. ',' .. level
  try('ZADD', P .. 'delayed', string.format('%d', due), entry)
  return due
end

-- Remembers an attempt that another one will replace. `text`: its record, up to and with `queued`,
-- which may be missing. Returns the text with why the task waits, and since when.
local function replaced(run, task, asked, text, ended, error)
  local reason, verb = 'retry', 'retry'
  if asked == 'D' then reason, verb = 'worker', 'put_off' end
  if asked == 'N' then reason, verb = 'children', 'called' end
  text = text .. ',' .. reason .. ',' .. string.format('%d', ended)
  remember(run, verb, task .. ' W' .. text, error)
  return text
end
