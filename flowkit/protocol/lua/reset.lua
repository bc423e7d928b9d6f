-- reset: makes tasks of a resumed run pending again; they keep the number of their last attempt.
-- USES   base fence
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 run   5 '1' if this is the last part
--        6… tasks, at most 1,000
-- REPLY  OK | FENCED
-- KEEPS  a task that is pending again has neither result nor error; `resuming` falls when all that
--        is to be made again is pending.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local run = ARGV[4]
if not call('HGET', run_key(run), 'resuming') then return {'OK'} end
if #ARGV > 5 then
  local records = call(unpack(args_from({'HMGET', tasks_key(run)}, 6, #ARGV)))
  local writes, gone = {'HSET', tasks_key(run)}, {}
  for i = 6, #ARGV do
    local state, attempt = string.match(records[i - 5] or '', '^([FUCSK])(%d+),')
    if state then
      writes[#writes + 1] = ARGV[i]
      writes[#writes + 1] = 'P' .. attempt .. ',,0,,'
      gone[#gone + 1] = ARGV[i]
    end
  end
  if #gone > 0 then
    call(unpack(writes))
    call('HDEL', results_key(run), unpack(gone))
    call('HDEL', errors_key(run), unpack(gone))
  end
end
if ARGV[5] == '1' then call('HDEL', run_key(run), 'resuming') end
return {'OK'}
