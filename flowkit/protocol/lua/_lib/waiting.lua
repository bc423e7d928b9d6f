-- waiting: ends an attempt that another one will replace: a retry, a postponed attempt, one that has
-- called runs, or one of a task that comes again.

-- Lets the next attempt of a task that `lane` runs wait, for its time or for the runs that this one has
-- called. It is queued in the list that the outcome names, or in that of the function, if the lane has
-- claimed this one from there: then other workers of the list lack the function. Returns the due time.
local function wait_for_next(lane, run, task, attempt, asked, token, payload, now)
  local delay, list, level = string.match(token, RETRY)
  if asked == 'N' then list, level = string.match(token, CALLING) end
  local _, claimed = read_place(field_of(claims_key(lane), run .. ',' .. task) or '')
  if claimed and string.match(claimed, '^(.*)@') == list then list = claimed end
  if asked == 'N' then
    call_runs(run, task, attempt, payload, list, level)
    return now
  end
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
  if asked == 'A' then reason, verb = 'again', 'again' end
  text = text .. ',' .. reason .. ',' .. string.format('%d', ended)
  remember(run, verb, task .. ' W' .. text, error)
  return text
end

-- Keeps the memory of a task that comes again, unless it ends with `code`. Returns what it has spent.
local function come_again(run, task, attempt, code, spent, memory)
  if code ~= 'W' then return spent end
  keep_inputs(run, {'HSET', inputs_key(run), task .. '^', memory})
  return with_comeback(spent, attempt)
end
