-- finish: ending a run, once. Only now does the TTL of its keys start.

local A_DAY_MS = 86400000 -- how long a run is kept whose own TTL cannot be read

local function progress(run, counts)
  if field_of(run_key(run), 'state') ~= 'running' then return end
  call('HSET', run_key(run), 'counts', counts)
  call('PUBLISH', feed_key(run), 'progress ' .. counts)
end

local function finish(run, outcome, failed, counts)
  local key = run_key(run)
  local meta = fields_of(key, 'state', 'ttl', 'graph', 'resuming')
  -- What is no run stays as it is, but is active no longer.
  if not meta then call('SREM', P .. 'active', run) end
  if not meta or meta[1] ~= 'running' then return end
  -- Sent again after a lost reply, it must not end what a client has resumed meanwhile. A run that
  -- is broken, and has no counts, ends all the same.
  if meta[4] and counts ~= '' then return end
  local ttl = string.format('%d', read_time(meta[2]) or A_DAY_MS) -- Redis takes no '007'
  call('HSET', key, 'state', outcome, 'failed', failed, 'counts', counts,
       'finished', string.format('%d', now_ms()))
  call('SREM', P .. 'active', run)
  for _, one in ipairs({key, tasks_key(run), results_key(run), errors_key(run)}) do
    call('PEXPIRE', one, ttl)
  end
  if meta[3] and is_digest(meta[3]) then release_graph(meta[3], ttl) end
  call('PUBLISH', feed_key(run), 'over ' .. outcome)
end
