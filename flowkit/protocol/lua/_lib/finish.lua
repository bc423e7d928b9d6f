-- finish: ending a run, once. Only now does the TTL of its keys start.

local function progress(run, counts)
  if call('HGET', run_key(run), 'state') ~= 'running' then return end
  call('HSET', run_key(run), 'counts', counts)
  call('PUBLISH', feed_key(run), 'progress ' .. counts)
end

local function finish(run, outcome, failed, counts)
  local key = run_key(run)
  local meta = call('HMGET', key, 'state', 'ttl', 'graph')
  if meta[1] ~= 'running' then return end
  call('HSET', key, 'state', outcome, 'failed', failed, 'counts', counts,
       'finished', string.format('%d', now_ms()))
  call('SREM', P .. 'active', run)
  for _, one in ipairs({key, tasks_key(run), results_key(run), errors_key(run)}) do
    call('PEXPIRE', one, meta[2])
  end
  release_graph(meta[3], meta[2])
  call('PUBLISH', feed_key(run), 'over ' .. outcome)
end
