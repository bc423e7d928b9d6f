-- apply: the scheduler's write: queues what is ready, ends runs, moves the cursor.
-- USES   base ready fence graph finish
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 cursor ('' leaves it)
--        then commands: queue <run> <list> <level> <flags> <count> <task>×count
--                       finish <run> <outcome> <failed task or ''> <counts>
--                       progress <run> <counts>
-- REPLY  OK | FENCED
-- KEEPS  a task is queued only if it is pending in a run that goes on; the cursor moves in the
--        step that carries out what the events before it led to, so a crash replays harmlessly.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end

local function queue(run, list, level, flags, first, last)
  if call('HGET', run_key(run), 'state') ~= 'running' then return end
  local records = call(unpack(args_from({'HMGET', tasks_key(run)}, first, last)))
  local writes, entries = {'HSET', tasks_key(run)}, {}
  for i = 1, last - first + 1 do
    local task, record, attempt, spent = ARGV[first + i - 1], records[i], 1, '0' .. flags
    if record then
      attempt, spent = string.match(record, '^P(%d+),(.*)$')
      if attempt then
        spent = '0/' .. attempt .. flags
        attempt = attempt + 1
      end
    end
    if attempt then
      local number = string.format('%d', attempt)
      writes[#writes + 1] = task
      writes[#writes + 1] = 'Q' .. number .. ',,' .. spent .. ',,'
      entries[#entries + 1] = run .. ',' .. task .. ',' .. number
    end
  end
  if #entries > 0 then
    call(unpack(writes))
    push_ready('RPUSH', list, level, entries)
  end
end

local at = 5
while at <= #ARGV do
  local verb, run = ARGV[at], ARGV[at + 1]
  if verb == 'queue' then
    local last = at + 5 + ARGV[at + 5]
    queue(run, ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], at + 6, last)
    at = last + 1
  elseif verb == 'finish' then
    finish(run, ARGV[at + 2], ARGV[at + 3], ARGV[at + 4])
    at = at + 5
  else
    progress(run, ARGV[at + 2])
    at = at + 3
  end
end
if ARGV[4] ~= '' then
  call('SET', P .. 'cursor', ARGV[4])
  call('XTRIM', P .. 'events', 'MINID', ARGV[4])
end
return {'OK'}
