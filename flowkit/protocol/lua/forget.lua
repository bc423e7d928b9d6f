-- forget: removes runs whose keys have expired from the list of runs.
-- USES   base guarded fence
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4… runs, at most 1,000
-- REPLY  OK <dropped> | FENCED
-- KEEPS  a run whose hash exists stays listed.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local dropped = 0
for i = 4, #ARGV do
  if call('EXISTS', run_key(ARGV[i])) == 0 then
    dropped = dropped + call('ZREM', P .. 'runs', ARGV[i])
    call('SREM', P .. 'active', ARGV[i])
    -- These have no TTL if the hash was evicted while the run was running or held, nor the last four
    -- if a scheduler of an older release has ended the run.
    try('UNLINK', tasks_key(ARGV[i]), results_key(ARGV[i]), errors_key(ARGV[i]),
        history_key(ARGV[i]), logs_key(ARGV[i]), inputs_key(ARGV[i]), children_key(ARGV[i]))
  end
end
return {'OK', dropped}
