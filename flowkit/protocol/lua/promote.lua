-- promote: queues the retries and delayed starts that are due.
-- USES   base border since spent guarded wake ready fence
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 limit   5 the lists of which workers of an
--        older release claim, which know no turns, separated by blanks
-- REPLY  OK <promoted> <ms until the next one is due, -1 for none> | FENCED
-- KEEPS  an entry leaves `delayed` in the step in which its record becomes queued.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local A_DAY_MS = 86400000 -- the longest wait returned: a reply cannot hold every stored score
local now = now_ms()
local due = call('ZRANGEBYSCORE', P .. 'delayed', '-inf', string.format('%d', now), 'LIMIT', 0, ARGV[4])
local promoted = 0
for _, entry in ipairs(due) do
  local head, list, level = read_place(entry)
  local run, task, attempt = read_entry(head or '')
  local record = run and is_run(run) and field_of(tasks_key(run), task)
  local state, before, _, spent = read_record(record)
  local meta = state == 'W' and before + 1 == tonumber(attempt) and not waits_for_runs(record) and (fields_of(run_key(run), 'stop', 'submitted') or {})
  if meta and not stopped(meta[1], spent) then
    call('HSET', tasks_key(run), task, 'Q' .. attempt .. ',,' .. spent .. ',,,' .. since(meta[2]))
    if level == '!' or string.find(' ' .. ARGV[5] .. ' ', ' ' .. list .. ' ', 1, true) then
      push_ready('RPUSH', list, level, {run .. ',' .. task .. ',' .. attempt})
    else
      push_backlog(run, list, level, {task .. ',' .. attempt})
    end
    promoted = promoted + 1
  end
  call('ZREM', P .. 'delayed', entry)
end
local first = call('ZRANGE', P .. 'delayed', 0, 0, 'WITHSCORES')
local next_ms = first[2] and math.min(math.max(0, tonumber(first[2]) - now), A_DAY_MS)
return {'OK', promoted, next_ms or -1}
