-- end_map: ends a mapped task, which has no attempt itself.

-- Records that a pending mapped task is over: its code, how many items it has, and why it cannot be
-- mapped, if it cannot. `submitted`: when the run was.
local function end_map(run, submitted, task, code, length, error)
  local state, attempt, _, spent = read_record(field_of(tasks_key(run), task))
  if state and state ~= 'P' then return end
  local now = now_ms()
  local ended = string.format('%d', now - (read_time(submitted) or now))
  local items = error == '' and ',,' .. length or ''
  call('HSET', tasks_key(run), task, code .. (attempt or '0') .. ',,' .. (spent or UNSPENT) .. ',,' .. ended .. items)
  if error == '' then return end
  try('HSET', errors_key(run), task, error)
  note_dead(run, {task}, now)
end
