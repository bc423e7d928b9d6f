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
    -- A scheduler of an older release has ended the run without a TTL for these.
    try('UNLINK', history_key(ARGV[i]), logs_key(ARGV[i]), inputs_key(ARGV[i]), children_key(ARGV[i]))
  end
end
return {'OK', dropped}
