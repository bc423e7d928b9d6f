-- resume: takes a failed or cancelled run up again; what succeeded is kept.
-- USES   base graph
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 run
-- REPLY  OK | RUNNING | UNKNOWN | OVER <state>
-- KEEPS  the run's keys live again without a TTL, and `resuming` says that its unfinished tasks
--        are still to be made pending.

local run = ARGV[2]
local meta = call('HMGET', run_key(run), 'state', 'graph')
if not meta[1] or call('EXISTS', graph_key(meta[2] or '')) == 0 then return {'UNKNOWN'} end
if meta[1] == 'running' then return {'RUNNING'} end
if meta[1] == 'succeeded' then return {'OVER', meta[1]} end
call('HSET', run_key(run), 'state', 'running', 'resuming', '1')
call('HDEL', run_key(run), 'stop', 'finished', 'failed')
for _, key in ipairs({run_key(run), tasks_key(run), results_key(run), errors_key(run)}) do
  call('PERSIST', key)
end
hold_graph(meta[2])
call('SADD', P .. 'active', run)
call('XADD', P .. 'events', '*', 'resume', run)
return {'OK'}
