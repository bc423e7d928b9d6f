-- finish: ends a run, once. The TTL of its keys starts now. Returns false for a run that has not begun.

local A_DAY_MS = 86400000 -- how long a run is kept if its TTL cannot be read

local function progress(run, counts)
  if field_of(run_key(run), 'state') ~= 'running' then return end
  call('HSET', run_key(run), 'counts', counts)
  call('PUBLISH', feed_key(run), 'progress ' .. counts)
end

local function finish(run, outcome, failed, counts)
  local key = run_key(run)
  local meta = fields_of(key, 'state', 'ttl', 'graph', 'resuming', 'history', 'logs', 'inputs', 'parent', 'children')
  -- A key that is no run is kept, but is no longer active.
  if not meta then call('SREM', P .. 'active', run) end
  if not meta or meta[1] ~= 'running' then return end
  -- A call repeated after a lost reply must not end a run that a client has resumed meanwhile. A
  -- broken run, which has no counts, ends nevertheless.
  if meta[4] and counts ~= '' then return end
  -- Nor must it end a run that was submitted after a delete under the same id: it has no records yet.
  local ttl = string.format('%d', read_time(meta[2]) or A_DAY_MS) -- Redis refuses '007'
  if call('PEXPIRE', tasks_key(run), ttl) == 0 and counts ~= '' then return false end
  call('HSET', key, 'state', outcome, 'failed', failed, 'counts', counts,
       'finished', string.format('%d', now_ms()))
  call('SREM', P .. 'active', run)
  if meta[8] and parent_runs(meta[8]) then
    call('PERSIST', tasks_key(run))
    call('HSET', key, 'held', '1')
  else
    for _, part in ipairs({key, results_key(run), errors_key(run)}) do
      call('PEXPIRE', part, ttl)
    end
    if meta[5] then try('PEXPIRE', history_key(run), ttl) end
    if meta[6] then try('PEXPIRE', logs_key(run), ttl) end
    if meta[7] then try('PEXPIRE', inputs_key(run), ttl) end
    if meta[9] then try('PEXPIRE', children_key(run), ttl) end
    if meta[3] and is_digest(meta[3]) then release_graph(meta[3], ttl) end
  end
  call('PUBLISH', feed_key(run), 'over ' .. outcome)
  if meta[9] then call('XADD', P .. 'events', '*', 'ended', run) end
  if meta[8] then child_over(meta[8]) end
end
