-- cancel: requests that a run stops.
-- USES   base border guarded history
-- RARE   remember
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 run   3 who cancels it
-- REPLY  OK | UNKNOWN | OVER <state>
-- KEEPS  a finished run keeps its outcome; a run that a failure is stopping is cancelled as well,
--        with the tasks that would continue after the failure; a second cancel changes nothing.

local run = ARGV[2]
local meta = fields_of(run_key(run), 'state', 'stop') or {}
if not meta[1] then return {'UNKNOWN'} end
if meta[1] ~= 'running' then return {'OVER', meta[1]} end
if meta[2] ~= 'cancelled' then
  call('HSET', run_key(run), 'stop', 'cancelled')
  remember(run, 'cancel', ARGV[3])
  call('XADD', P .. 'events', '*', 'cancel', run)
end
return {'OK'}
