-- reset: makes tasks of a resumed run pending again; they keep the number of their last attempt.
-- USES   base fence
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 run   5 '1' if this is the last part
--        6… tasks, at most 1,000
-- REPLY  OK | FENCED
-- KEEPS  what succeeded or was skipped stays; `resuming` falls when all the rest is pending.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local run = ARGV[4]
if not call('HGET', run_key(run), 'resuming') then return {'OK'} end
for i = 6, #ARGV do
  local record = call('HGET', tasks_key(run), ARGV[i]) or ''
  local state, attempt = string.match(record, '^(%u)(%d+),')
  if state == 'F' or state == 'U' or state == 'C' then
    call('HSET', tasks_key(run), ARGV[i], 'P' .. attempt .. ',,0,,')
    call('HDEL', errors_key(run), ARGV[i])
  end
end
if ARGV[5] == '1' then call('HDEL', run_key(run), 'resuming') end
return {'OK'}
