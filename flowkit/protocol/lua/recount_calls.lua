-- recount_calls: counts the runs that a task waits for, and wakes it if all are over or gone.
-- USES   base border since spent guarded wake ready fence children waking
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 run   5 task
--        6 attempt that has called them; '' if that cannot be read, so that the task is woken
--        7 list   8 level where it is queued then   9… the runs, at most 1,000
-- REPLY  OK <'1' if it was woken> | FENCED
-- KEEPS  nothing is changed unless the task waits for the calls of this attempt. A task that does not
--        wait for any is removed from `parents`.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local run, task, calling, list, level, open = ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], 0
local state, attempt = read_record(is_run(run) and field_of(tasks_key(run), task))
if not waiting_for_calls(run, task, attempt) or field_of(run_key(run), 'state') ~= 'running' then
  try('SREM', P .. 'parents', run .. ',' .. task)
  return {'OK', '0'}
end
if calling ~= '' and calling ~= attempt then return {'OK', '0'} end
local ours = run .. ',' .. task .. ',' .. attempt .. ','
for i = 9, #ARGV do
  local meta = is_run(ARGV[i]) and fields_of(run_key(ARGV[i]), 'state', 'parent')
  if meta and meta[1] == 'running' and string.sub(meta[2] or '', 1, #ours) == ours then open = open + 1 end
end
if open > 0 then
  call('HSET', children_key(run), task, attempt .. ',' .. string.format('%d', open) .. ',' .. list .. ',' .. level)
  return {'OK', '0'}
end
return {'OK', wake_parent(run, task, attempt, list, level) and '1' or '0'}
