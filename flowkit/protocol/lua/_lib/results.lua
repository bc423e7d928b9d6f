-- results: stores and deletes the results of a run's tasks.
-- `kept` in the run's hash is their number. If the hash of results has fewer, some were deleted or
-- evicted, and a reader must not mistake a missing result for None.

-- Stores results; the arguments are those of HSET.
local function keep_results(run, results)
  local added = try(unpack(results))
  if type(added) == 'number' and added > 0 then try('HINCRBY', run_key(run), 'kept', added) end
end

-- Stores what tasks get beside results; the arguments are those of HSET. `inputs` in the run's hash
-- says that the key exists.
local function keep_inputs(run, inputs)
  try(unpack(inputs))
  call('HSET', run_key(run), 'inputs', '1')
end

local function drop_results(run, tasks)
  local dropped = try('HDEL', results_key(run), unpack(tasks))
  if type(dropped) == 'number' and dropped > 0 then try('HINCRBY', run_key(run), 'kept', -dropped) end
end

-- Deletes the results of tasks that succeeded and that no other task needs. The tasks are in ARGV
-- from `first` to `last`.
local function drop_unneeded(run, first, last)
  local records, gone = fields_of(unpack(args_from({tasks_key(run)}, first, last))) or {}, {}
  for i = first, last do
    if read_record(records[i - first + 1]) == 'S' then gone[#gone + 1] = ARGV[i] end
  end
  if #gone > 0 then drop_results(run, gone) end
end

-- Sets the number of results to those that exist.
local function count_results(run)
  call('HSET', run_key(run), 'kept', size_of('HLEN', results_key(run)))
end
