-- continue_calls: makes a task of a resumed run wait again for the runs that it has called, and
--                 resumes those that did not succeed.
-- USES   base border since spent guarded wake ready graph fence history children waking
-- RARE   remember wake_parent
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 run   5 task   6 attempt that has called them
--        7 id of this resume   8 list   9 level where it is queued then   10… the runs, at most 1,000
-- REPLY  OK <'1' if it waits> | FENCED
-- KEEPS  nothing is changed unless the task has failed or was cancelled, its run is being resumed,
--        and all of its runs are there. They then belong to the last attempt of the task.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local run, task, list, level, now = ARGV[4], ARGV[5], ARGV[8], ARGV[9], now_ms()
local record = field_of(tasks_key(run), task)
local state, attempt, lane, spent, started, _, queued = read_record(record)
if state == 'W' and waits_for_runs(record) then return {'OK', '1'} end
local parent = fields_of(run_key(run), 'state', 'resuming', 'submitted') or {}
if parent[1] ~= 'running' or not parent[2] or not (state == 'F' or state == 'C') then return {'OK', '0'} end
local called, old, metas = field_of(children_key(run), task .. ',' .. ARGV[6]), run .. ',' .. task .. ',' .. ARGV[6] .. ',', {}
for i = 10, #ARGV do
  local meta = is_run(ARGV[i]) and fields_of(run_key(ARGV[i]), 'state', 'parent', 'held', 'graph', 'failed', 'finished', 'submitted')
  if not meta or not meta[4] or call('EXISTS', graph_key(meta[4])) == 0 or string.sub(meta[2] or '', 1, #old) ~= old then return {'OK', '0'} end
  metas[i] = meta
end
if not called or #ARGV < 10 then return {'OK', '0'} end

local open = 0
for i = 10, #ARGV do
  local child, meta = ARGV[i], metas[i]
  local key = run_key(child)
  if meta[1] ~= 'running' then
    for _, part in ipairs({key, tasks_key(child), results_key(child), errors_key(child), history_key(child),
                           logs_key(child), inputs_key(child), children_key(child)}) do
      call('PERSIST', part)
    end
    if not meta[3] then hold_graph(meta[4]) end
    if meta[1] == 'succeeded' then call('HSET', key, 'held', '1')
    else
      local ended = (read_time(meta[6]) or now) - (read_time(meta[7]) or now)
      remember(child, 'finish', meta[1] .. ' ' .. string.format('%d', ended) .. ' ' .. string.sub(meta[5] or '', 1, 7))
      remember(child, 'resume', ' its parent ' .. run)
      call('HSET', key, 'state', 'running', 'resuming', '1', 'resumed_by', ARGV[7])
      try('HINCRBY', key, 'resumes', 1)
      call('HDEL', key, 'stop', 'finished', 'failed', 'counts', 'held')
      call('SADD', P .. 'active', child)
      call('XADD', P .. 'events', '*', 'resume', child)
    end
  end
  if meta[1] ~= 'succeeded' then open = open + 1 end
  call('HSET', key, 'parent', run .. ',' .. task .. ',' .. attempt .. ',' .. string.format('%d', i - 10))
end
if lane ~= '' then remember(run, 'rerun', task .. ' ' .. record, state == 'F' and field_of(errors_key(run), task)) end
if state == 'F' then try('ZREM', P .. 'dead', run .. ',' .. task) end
try('HDEL', errors_key(run), task)
-- The end of these calls counts as the first failure, as that of the first attempt does.
local base = spent_before(string.format('%d', math.max(0, attempt - 1))) .. lasting_flags(spent)
local ended = string.format('%d', now - (read_time(parent[3]) or now))
call('HSET', tasks_key(run), task, 'W' .. attempt .. ',' .. lane .. ',' .. base .. ',' .. started .. ',' .. ended .. ',' .. queued .. ',children,' .. ended)
call('HSET', children_key(run), task, attempt .. ',' .. string.format('%d', open) .. ',' .. list .. ',' .. level, task .. ',' .. attempt, called)
note('SADD', P .. 'parents', run .. ',' .. task)
if open == 0 then wake_parent(run, task, attempt, list, level) end
return {'OK', '1'}
