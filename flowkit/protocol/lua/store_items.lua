-- store_items: stores blocks of the elements that a task returned, before it reports its outcome.
-- USES   base border guarded results
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 lane   3 run   4 task   5 attempt   6 number of the first block
--        7… blocks
-- REPLY  OK | STALE
-- KEEPS  only the attempt that runs stores elements, so those of a task that is over never change.
--        The run's hash says that the key exists, so that it expires and is deleted with the run.

local lane, run, task = ARGV[2], ARGV[3], ARGV[4]
local running = 'R' .. ARGV[5] .. ',' .. lane .. ','
local record = is_run(run) and field_of(tasks_key(run), task)
if not record or string.sub(record, 1, #running) ~= running then return {'STALE'} end
local inputs = {'HSET', inputs_key(run)}
for i = 7, #ARGV do
  inputs[#inputs + 1] = task .. '.' .. string.format('%d', ARGV[6] + i - 7)
  inputs[#inputs + 1] = ARGV[i]
end
keep_inputs(run, inputs)
return {'OK'}
