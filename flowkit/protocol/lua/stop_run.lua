-- stop_run: records that a run is stopping, before any consequence of it.
-- USES   base border guarded fence history
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 run   5 outcome
--        6 task that failed, or ''
-- REPLY  OK | FENCED
-- KEEPS  from now on no task of the run is claimed, promoted or retried, except those that
--        continue after a failure; a cancel overrides a failure, never the reverse.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local run = run_key(ARGV[4])
if field_of(run, 'state') == 'running' then
  local stops = call(ARGV[5] == 'cancelled' and 'HSET' or 'HSETNX', run, 'stop', ARGV[5])
  if stops == 1 and ARGV[5] ~= 'cancelled' then remember(ARGV[4], 'stop', ARGV[6]) end
  if ARGV[6] ~= '' then call('HSET', run, 'failed', ARGV[6]) end
end
return {'OK'}
