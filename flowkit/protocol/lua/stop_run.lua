-- stop_run: notes that a run is stopping, before anything that follows from it.
-- USES   base border guarded fence
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 run   5 outcome that it stops for
--        6 task that failed, or ''
-- REPLY  OK | FENCED
-- KEEPS  from here on nothing of the run is claimed, promoted or retried, but tasks that go on
--        after a failure; a cancel overrules a failure, never the other way round.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local run = run_key(ARGV[4])
if field_of(run, 'state') == 'running' then
  call(ARGV[5] == 'cancelled' and 'HSET' or 'HSETNX', run, 'stop', ARGV[5])
  if ARGV[6] ~= '' then call('HSET', run, 'failed', ARGV[6]) end
end
return {'OK'}
