-- give_back: what becomes of an attempt that its lane will not finish.

-- Ends an attempt from outside and tells the scheduler.
local function end_attempt(run, task, letter, attempt, lane, deaths, started, submitted)
  local ended = string.format('%d', now_ms() - submitted)
  local record = letter .. attempt .. ',' .. lane .. ',' .. deaths .. ',' .. started .. ',' .. ended
  call('HSET', tasks_key(run), task, record)
  if letter == 'F' then note_dead(run, {task}, now_ms()) end
  call('XADD', P .. 'events', '*', letter, run .. ' ' .. task)
end

-- Makes an attempt claimable again, where the claim says it came from and before what waits there.
local function queue_again(run, task, attempt, deaths, claim)
  local _, list, level = string.match(claim, '^%d+,([^,]*),([^,]*),(.)$')
  if string.find(deaths, '!', 1, true) then level = '!' end
  call('HSET', tasks_key(run), task, 'Q' .. attempt .. ',,' .. deaths .. ',,')
  push_ready('LPUSH', list, level, {run .. ',' .. task .. ',' .. attempt})
end

-- The parts of the record of an attempt that `lane` is running, or nil.
local function running_on(lane, run, task)
  local record = run and call('HGET', tasks_key(run), task) or ''
  local attempt, holder, deaths, started = string.match(record or '', '^R(%d+),([^,]*),([^,]*),(%d*),')
  if holder == lane then return attempt, deaths, started end
  return nil
end
