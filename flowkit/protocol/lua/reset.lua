-- reset: makes tasks of a resumed run pending again; they keep the number of their last attempt.
-- USES   base border guarded fence dead results
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 run
--        5 '1' if this is the last part, '2' if results were lost before and are all made again
--        6 error for a cancelled task that must not start twice   7… tasks, at most 1,000
-- REPLY  OK | FENCED
-- KEEPS  a task that is pending again has neither result nor error; `resuming` falls when all that
--        is to be made again is pending. A task that must not start twice and may have started
--        stays as it is unless the resume named it; one that was cancelled has failed.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local run = ARGV[4]
local resuming = field_of(run_key(run), 'resuming')
if not resuming then return {'OK'} end

local function is_named(task) return string.find(resuming .. ' ', ' ' .. task .. ' ', 1, true) ~= nil end

-- Whether a task stays as it is: it must not start twice, and its record names a lane that had it.
local function stays(task, record)
  local state, _, lane, spent = read_record(record)
  return state and string.find('FCS', state) and lane ~= '' and at_most_once(spent) and not is_named(task)
end

local records = #ARGV > 6 and fields_of(unpack(args_from({tasks_key(run)}, 7, #ARGV)))
if records then
  local writes, gone = {'HSET', tasks_key(run)}, {}
  for i = 7, #ARGV do
    local record = records[i - 6]
    local state, attempt = read_record(record)
    if stays(ARGV[i], record) then
      if state == 'C' then
        call('HSET', tasks_key(run), ARGV[i], 'F' .. string.sub(record, 2))
        try('HSET', errors_key(run), ARGV[i], ARGV[6])
        note_dead(run, {ARGV[i]}, now_ms())
      end
    elseif state and string.find('FUCSK', state) then
      writes[#writes + 1] = ARGV[i]
      writes[#writes + 1] = 'P' .. attempt .. ',,0,,'
      gone[#gone + 1] = ARGV[i]
      if state == 'F' then try('ZREM', P .. 'dead', run .. ',' .. ARGV[i]) end
    end
  end
  if #gone > 0 then
    call(unpack(writes))
    drop_results(run, gone)
    try('HDEL', errors_key(run), unpack(gone))
  end
end
if ARGV[5] == '2' then count_results(run) end
if ARGV[5] ~= '0' then call('HDEL', run_key(run), 'resuming') end
return {'OK'}
