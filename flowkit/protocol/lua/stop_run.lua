-- stop_run: notes that a run is stopping, before anything that follows from it.
-- USES   base fence
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 run   5 outcome that it stops for
-- REPLY  OK | FENCED
-- KEEPS  from here on nothing of the run is claimed, promoted or retried.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
if call('HGET', run_key(ARGV[4]), 'state') == 'running' then
  call('HSETNX', run_key(ARGV[4]), 'stop', ARGV[5])
end
return {'OK'}
