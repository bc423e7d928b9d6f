-- delete: deletes a run that is over, with all of its keys.
-- USES   base border guarded graph children waking
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 run
-- REPLY  OK | RUNNING | UNKNOWN | PARENT <run that has called it and still needs it>
-- KEEPS  a run that is not over keeps all of its keys. Its graph stays until the TTL of the last run
--        that used it. Large keys are freed in the background, so the work is bounded.

local run = ARGV[2]
local meta = fields_of(run_key(run), 'state', 'graph', 'held', 'parent') or {}
if meta[1] == 'running' then return {'RUNNING'} end
if meta[3] and parent_runs(meta[4] or '') then return {'PARENT', (string.match(meta[4], '^[^,]*'))} end
local deleted = call('UNLINK', run_key(run), tasks_key(run), results_key(run), errors_key(run),
                     history_key(run), logs_key(run), inputs_key(run), children_key(run))
local listed = try('ZREM', P .. 'runs', run)
-- A run with a damaged state is active, although no scheduler takes it, and holds its graph. So
-- does a child run that is held.
if (try('SREM', P .. 'active', run) == 1 or meta[3]) and meta[2] and is_digest(meta[2]) then release_graph(meta[2], 0) end
if deleted == 0 and listed ~= 1 then return {'UNKNOWN'} end
return {'OK'}
