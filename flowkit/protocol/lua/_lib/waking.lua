-- waking: a task that waits for its child runs continues when they are over; see children.

-- The fields of the record of a task that waits for the calls of this attempt, or nil.
local function waiting_for_calls(run, task, attempt)
  local record = is_run(run) and field_of(tasks_key(run), task)
  local state, current, lane, spent, started = read_record(record)
  if state == 'W' and current == attempt and waits_for_runs(record) then
    return spent, lane, started
  end
end

-- Queues the task whose calls are all over, or cancels it if its run is stopping. The attempt that
-- called spends no retry, and the flag says that the next one only reads what was called.
local function wake_parent(run, task, attempt, list, level)
  local spent, lane, started = waiting_for_calls(run, task, attempt)
  local meta = spent and fields_of(run_key(run), 'state', 'stop', 'submitted')
  try('SREM', P .. 'parents', run .. ',' .. task)
  if not meta or meta[1] ~= 'running' then return false end
  if stopped(meta[2], spent) then
    local ended = string.format('%d', now_ms() - (read_time(meta[3]) or now_ms()))
    call('HSET', tasks_key(run), task, 'C' .. attempt .. ',' .. lane .. ',' .. spent .. ',' .. started .. ',' .. ended)
    call('XADD', P .. 'events', '*', 'C', run .. ' ' .. task)
    return true
  end
  attempt = string.format('%d', attempt + 1)
  if is_suspect(spent) then level = '!' end
  spent = with_calls(with_put_off(spent))
  call('HSET', tasks_key(run), task, 'Q' .. attempt .. ',,' .. spent .. ',,,' .. since(meta[3]))
  push_ready('RPUSH', list, level, {run .. ',' .. task .. ',' .. attempt})
  return true
end

-- Whether the parent of a child is running.
local function parent_runs(parent)
  local run = string.match(parent, PARENT)
  return run and is_run(run) and field_of(run_key(run), 'state') == 'running'
end

-- A child is over. The last one wakes its parent.
local function child_over(parent)
  local run, task, attempt = string.match(parent, PARENT)
  if not run or not is_run(run) or not is_number(task, 7) then return end
  local calling, open, list, level = string.match(field_of(children_key(run), task) or '', CALLS)
  if calling ~= attempt or #open > 4 or not is_list(list) then return end
  open = math.max(0, open - 1)
  call('HSET', children_key(run), task, attempt .. ',' .. string.format('%d', open) .. ',' .. list .. ',' .. level)
  if open == 0 then wake_parent(run, task, attempt, list, level) end
end

-- A child that is over is resumed: the task that waits for it counts it again. Returns false if its
-- parent is running and does not wait for it.
local function reopen(parent)
  if not parent_runs(parent) then return true end
  local run, task, attempt = string.match(parent, PARENT)
  local calling, open, list, level = string.match(field_of(children_key(run), task) or '', CALLS)
  if calling ~= attempt or #open > 4 or not is_list(list) or not waiting_for_calls(run, task, attempt) then return false end
  call('HSET', children_key(run), task, attempt .. ',' .. string.format('%d', open + 1) .. ',' .. list .. ',' .. level)
  return true
end
