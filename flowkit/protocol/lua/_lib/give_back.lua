-- give_back: ends or requeues an attempt that its lane will not finish.

-- The record of an attempt that ends now.
local function ended_record(code, attempt, lane, spent, started, queued, submitted)
  local now = now_ms()
  local ended = string.format('%d', now - (read_time(submitted) or now))
  local record = code .. attempt .. ',' .. lane .. ',' .. spent .. ',' .. started .. ',' .. ended
  return queued == '' and record or record .. ',' .. queued
end

-- Ends an attempt on behalf of its lane and notifies the scheduler.
local function end_attempt(run, task, code, attempt, lane, spent, started, queued, submitted)
  call('HSET', tasks_key(run), task, ended_record(code, attempt, lane, spent, started, queued, submitted))
  if code == 'F' then note_dead(run, {task}, now_ms()) end
  call('XADD', P .. 'events', '*', code, run .. ' ' .. task)
end

-- Queues an attempt again, at the head of the ready list that its claim names. With the `id` of a
-- function, it waits in the list of that function for the turn of its run, and so it does if it is
-- one of `many` of its run: these must not stand before small runs. If the claim names no list, the
-- scheduler rebuilds the missing entry. `submitted`: when the run was.
local function queue_again(run, task, attempt, spent, submitted, claim, id, many)
  local _, list, level = read_place(claim)
  if list and id then list = string.gsub(list, '@.*', '') .. '@' .. id end
  if is_suspect(spent) then level = '!' end
  call('HSET', tasks_key(run), task, 'Q' .. attempt .. ',,' .. spent .. ',,,' .. since(submitted))
  if list and (id or many) and level ~= '!' then push_backlog(run, list, level, {task .. ',' .. attempt})
  elseif list then push_ready('LPUSH', list, level, {run .. ',' .. task .. ',' .. attempt}) end
end

-- The attempt number, spent, start and time of queuing of a task that `lane` is running, or nil.
local function running_on(lane, run, task)
  local state, attempt, holder, spent, started, _, queued = read_record(run and field_of(tasks_key(run), task))
  if state == 'R' and holder == lane then return attempt, spent, started, queued end
  return nil
end
