-- resume: takes a run that is over up again; what succeeded is kept, but for what is named.
-- USES   base border guarded graph
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 run   3 request: an id that the client chose
--        4 tasks to make again with all that needs them, by number, or ''
-- REPLY  OK | RUNNING | BUSY | UNKNOWN | OVER <state>
-- KEEPS  the run's keys live again without a TTL, and `resuming` says what is still to be made
--        pending; one request takes a run up once, however often it is sent.

local run, request, from = ARGV[2], ARGV[3], ARGV[4]
local meta = fields_of(run_key(run), 'state', 'graph', 'resumed_by') or {}
if not meta[1] or call('EXISTS', graph_key(meta[2] or '')) == 0 then return {'UNKNOWN'} end
if meta[3] == request then return {'OK'} end
if meta[1] == 'running' then
  if from ~= '' then return {'BUSY'} end
  return {'RUNNING'}
end
if meta[1] == 'succeeded' and from == '' then return {'OVER', meta[1]} end
local resuming = from == '' and '1' or 'from ' .. from
call('HSET', run_key(run), 'state', 'running', 'resuming', resuming, 'resumed_by', request)
-- A result is made anew: workers must not take one that they keep from before for it.
try('HINCRBY', run_key(run), 'resumes', 1)
call('HDEL', run_key(run), 'stop', 'finished', 'failed', 'counts')
for _, key in ipairs({run_key(run), tasks_key(run), results_key(run), errors_key(run)}) do
  call('PERSIST', key)
end
hold_graph(meta[2])
call('SADD', P .. 'active', run)
call('XADD', P .. 'events', '*', 'resume', run)
return {'OK'}
