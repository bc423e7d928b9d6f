-- resume: restarts a finished run; tasks that succeeded stay done, except the named ones.
-- USES   base border spent guarded graph history children waking
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 run   3 request: an id that the client chose
--        4 numbers of the tasks to rerun with everything downstream of them, or ''
--        5 who resumes it
-- REPLY  OK | RUNNING | BUSY | UNKNOWN | OVER <state> | PARENT <run that has called it and is running>
-- KEEPS  the run's keys have no TTL, and `resuming` exists until all tasks to rerun are pending;
--        one request resumes a run once, however often it is sent. A run that a task has called
--        is resumed only if that task still waits for it, or its run is over.

local run, request, from = ARGV[2], ARGV[3], ARGV[4]
local meta = fields_of(run_key(run), 'state', 'graph', 'resumed_by', 'finished', 'failed', 'submitted', 'held', 'parent', 'counts') or {}
if not meta[1] or call('EXISTS', graph_key(meta[2] or '')) == 0 then return {'UNKNOWN'} end
if meta[3] == request then return {'OK'} end
if meta[1] == 'running' then
  if from ~= '' then return {'BUSY'} end
  return {'RUNNING'}
end
-- A run may succeed with failed items, which are rerun.
local failed = string.find(' ' .. (meta[9] or ''), ' failed=[1-9]')
if meta[1] == 'succeeded' and from == '' and not failed then return {'OVER', meta[1]} end
if meta[8] and not reopen(meta[8]) then return {'PARENT', (string.match(meta[8], '^[^,]*'))} end
local ended = (read_time(meta[4]) or now_ms()) - (read_time(meta[6]) or now_ms())
remember(run, 'finish', meta[1] .. ' ' .. string.format('%d', ended) .. ' ' .. string.sub(meta[5] or '', 1, 7))
remember(run, 'resume', (string.gsub(string.sub(from, 1, 1000), ' ', ',')) .. ' ' .. ARGV[5])
local resuming = from == '' and '1' or 'from ' .. from
call('HSET', run_key(run), 'state', 'running', 'resuming', resuming, 'resumed_by', request)
-- Results are recomputed: a worker must not use one that it has cached from before.
try('HINCRBY', run_key(run), 'resumes', 1)
call('HDEL', run_key(run), 'stop', 'finished', 'failed', 'counts')
for _, key in ipairs({run_key(run), tasks_key(run), results_key(run), errors_key(run), history_key(run), logs_key(run),
                     inputs_key(run), children_key(run)}) do
  call('PERSIST', key)
end
if meta[7] then call('HDEL', run_key(run), 'held') else hold_graph(meta[2]) end
call('SADD', P .. 'active', run)
call('XADD', P .. 'events', '*', 'resume', run)
return {'OK'}
