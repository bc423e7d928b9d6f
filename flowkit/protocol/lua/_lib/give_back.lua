-- give_back: what becomes of an attempt that its lane will not finish.

-- Ends an attempt from outside and tells the scheduler.
local function end_attempt(run, task, code, attempt, lane, deaths, started, submitted)
  local now = now_ms()
  local ended = string.format('%d', now - (read_time(submitted) or now))
  local record = code .. attempt .. ',' .. lane .. ',' .. deaths .. ',' .. started .. ',' .. ended
  call('HSET', tasks_key(run), task, record)
  if code == 'F' then note_dead(run, {task}, now) end
  call('XADD', P .. 'events', '*', code, run .. ' ' .. task)
end

-- Makes an attempt claimable again, where the claim says it came from and before what waits there.
-- A claim that does not say it leaves a hint to be mended by the scheduler.
local function queue_again(run, task, attempt, deaths, claim)
  local _, list, level = read_place(claim)
  if string.find(deaths, '!', 1, true) then level = '!' end
  call('HSET', tasks_key(run), task, 'Q' .. attempt .. ',,' .. deaths .. ',,')
  if list then push_ready('LPUSH', list, level, {run .. ',' .. task .. ',' .. attempt}) end
end

-- The parts of the record of an attempt that `lane` is running, or nil.
local function running_on(lane, run, task)
  local state, attempt, holder, deaths, started = read_record(run and field_of(tasks_key(run), task))
  if state == 'R' and holder == lane then return attempt, deaths, started end
  return nil
end
