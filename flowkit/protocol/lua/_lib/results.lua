-- results: where the results of a run's tasks are kept.
-- `kept` in the run's hash is their number: if the hash of results has fewer, some were deleted or
-- evicted, and whoever asks for one must not take it for None.

-- Stores results; the arguments are those of HSET.
local function keep_results(run, results)
  local added = try(unpack(results))
  if type(added) == 'number' and added > 0 then try('HINCRBY', run_key(run), 'kept', added) end
end

local function drop_results(run, tasks)
  local dropped = try('HDEL', results_key(run), unpack(tasks))
  if type(dropped) == 'number' and dropped > 0 then try('HINCRBY', run_key(run), 'kept', -dropped) end
end

-- Takes the results that are there for all that were stored.
local function count_results(run)
  call('HSET', run_key(run), 'kept', size_of('HLEN', results_key(run)))
end

-- Keeps a result for tasks of the same code and arguments, if its token names an entry and a TTL.
local function keep_cached(token, payload)
  local digest, ttl = string.match(token, '^%d+,%d+,S,(%x+),(%d+)$')
  if digest then call('SET', cached_key(digest), payload, 'PX', ttl) end
end
