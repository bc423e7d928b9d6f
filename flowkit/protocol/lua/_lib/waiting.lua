-- waiting: ends an attempt that another one will replace: a retry, or a postponed attempt.

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
  text = text .. (asked == 'D' and ',worker,' or ',retry,') .. string.format('%d', ended)
  remember(run, asked == 'D' and 'put_off' or 'retry', task .. ' W' .. text, error)
  return text
end
