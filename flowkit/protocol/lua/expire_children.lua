-- expire_children: starts the TTL of child runs whose parent is over.
-- USES   base border guarded graph fence children waking
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4… child runs, at most 500
-- REPLY  OK <runs whose TTL has started> | FENCED
-- KEEPS  a run that is not over, or whose parent is running, is not changed.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local A_DAY_MS = 86400000
local started = 0
for i = 4, #ARGV do
  local run = ARGV[i]
  local meta = fields_of(run_key(run), 'held', 'parent', 'ttl', 'graph', 'state') or {}
  if meta[1] and meta[5] ~= 'running' and not parent_runs(meta[2] or '') then
    local ttl = string.format('%d', read_time(meta[3]) or A_DAY_MS)
    call('HDEL', run_key(run), 'held')
    for _, key in ipairs({run_key(run), tasks_key(run), results_key(run), errors_key(run), history_key(run),
                          logs_key(run), inputs_key(run), children_key(run)}) do
      call('PEXPIRE', key, ttl)
    end
    if meta[4] and is_digest(meta[4]) then release_graph(meta[4], ttl) end
    started = started + 1
  end
end
return {'OK', started}
