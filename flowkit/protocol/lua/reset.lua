-- reset: makes tasks of a resumed run pending again; they keep their attempt number.
-- USES   base border spent guarded fence dead results history
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 run
--        5 '1' for the last part, '2' for the last part if lost results are recomputed, else '0'
--        6 error of a cancelled at-most-once task   7 items that the resume named with their task
--        8… tasks, at most 1,000
-- REPLY  OK | FENCED
-- KEEPS  a pending task has neither result, error nor memory; `resuming` is deleted when all tasks to
--        rerun are pending. An at-most-once task that may have started keeps its state unless
--        the resume names it; if it was cancelled, it has failed.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local run = ARGV[4]
local resuming, has_inputs = unpack(fields_of(run_key(run), 'resuming', 'inputs') or {})
if not resuming then return {'OK'} end

local named = resuming .. ' ' .. ARGV[7] .. ' '
local function is_named(task) return string.find(named, ' ' .. task .. ' ', 1, true) ~= nil end

-- Whether a task keeps its state: it is at most once, and its record names a lane that claimed it.
local function stays(task, record)
  local state, _, lane, spent = read_record(record)
  return state and string.find('FCS', state) and lane ~= '' and at_most_once(spent) and not is_named(task)
end

local records = #ARGV > 7 and fields_of(unpack(args_from({tasks_key(run)}, 8, #ARGV)))
if records then
  local writes, gone, memories = {'HSET', tasks_key(run)}, {}, {}
  for i = 8, #ARGV do
    local record = records[i - 7]
    local state, attempt, lane = read_record(record)
    if stays(ARGV[i], record) then
      if state == 'C' then
        call('HSET', tasks_key(run), ARGV[i], 'F' .. string.sub(record, 2))
        try('HSET', errors_key(run), ARGV[i], ARGV[6])
        note_dead(run, {ARGV[i]}, now_ms())
      end
    elseif state and string.find('FUCSK', state) then
      writes[#writes + 1] = ARGV[i]
      writes[#writes + 1] = 'P' .. attempt .. ',,' .. UNSPENT .. ',,'
      gone[#gone + 1] = ARGV[i]
      memories[#gone] = ARGV[i] .. '^'
      if lane ~= '' then remember(run, 'rerun', ARGV[i] .. ' ' .. record, state == 'F' and field_of(errors_key(run), ARGV[i])) end
      if state == 'F' then try('ZREM', P .. 'dead', run .. ',' .. ARGV[i]) end
    end
  end
  if #gone > 0 then
    call(unpack(writes))
    drop_results(run, gone)
    try('HDEL', errors_key(run), unpack(gone))
    if has_inputs then try('HDEL', inputs_key(run), unpack(memories)) end
  end
end
if ARGV[5] == '2' then count_results(run) end
if ARGV[5] ~= '0' then call('HDEL', run_key(run), 'resuming') end
return {'OK'}
