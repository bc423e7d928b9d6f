-- cancel: asks for a run to be stopped.
-- USES   base border guarded
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 run
-- REPLY  OK | UNKNOWN | OVER <state>
-- KEEPS  a run that is over keeps its outcome; one that a failure has stopped is cancelled as well,
--        with what goes on in it; one that is being cancelled is not told twice.

local run = ARGV[2]
local meta = fields_of(run_key(run), 'state', 'stop') or {}
if not meta[1] then return {'UNKNOWN'} end
if meta[1] ~= 'running' then return {'OVER', meta[1]} end
if meta[2] ~= 'cancelled' then
  call('HSET', run_key(run), 'stop', 'cancelled')
  call('XADD', P .. 'events', '*', 'cancel', run)
end
return {'OK'}
