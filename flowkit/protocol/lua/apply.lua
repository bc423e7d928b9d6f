-- apply: writes what the scheduler decided: queues tasks, ends runs, moves the cursor, and more.
-- USES   base border since spent guarded wake ready queue fence graph children waking finish results dead end_map
-- RARE   end_map wake_parent child_over finish push_backlog drop_unneeded
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 cursor ('' keeps it)
--        then commands: begin <run> <graph digest>
--                       queue <run> <list> <level> <flags> <count> <task>×count
--                       line <run> …: as queue, but the tasks wait for the run's turn
--                       drop <run> <count> <task>×count: their results
--                       mapped <run> <task> <code> <items> <error or ''>: ends a mapped task
--                       finish <run> <outcome> <failed task or ''> <counts>
--                       progress <run> <counts>
-- REPLY  OK <run>× (begun runs that do not run or have another graph; ended
--        runs that have not begun) | FENCED
-- KEEPS  a task is queued only if it is pending in a running run; the cursor moves in the same
--        step as the commands that the events before it led to, so replaying after a crash is safe.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end

-- A run begins because an event says so. Anyone may have written the event, so check the run.
local refused, is_running, submitted = {}, {}, {}
local function begin(run, digest)
  local meta = fields_of(run_key(run), 'state', 'graph', 'submitted')
  is_running[run] = meta and meta[1] == 'running' and meta[2] == digest
  if not is_running[run] then refused[run] = true end
  submitted[run] = meta and meta[3]
end

-- Whether commands on a run count: it was not refused here, and it is running.
local function counts(run)
  if refused[run] then return false end
  if is_running[run] then return true end
  local meta = fields_of(run_key(run), 'state', 'submitted')
  submitted[run] = meta and meta[2]
  return meta and meta[1] == 'running'
end

local at, added = 5, {}
while at <= #ARGV do
  local verb, run = ARGV[at], ARGV[at + 1]
  if verb == 'queue' or verb == 'line' then
    local last = at + 5 + ARGV[at + 5]
    assert(last >= at + 5, 'a number of tasks is negative')
    if counts(run) then enqueue(added, verb, run, submitted[run], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], at + 6, last) end
    at = last + 1
  elseif verb == 'drop' then
    local last = at + 2 + ARGV[at + 2]
    assert(last >= at + 2, 'a number of tasks is negative')
    if counts(run) then drop_unneeded(run, at + 3, last) end
    at = last + 1
  elseif verb == 'mapped' then
    if counts(run) then end_map(run, submitted[run], unpack(ARGV, at + 2, at + 5)) end
    at = at + 6
  elseif verb == 'begin' then
    begin(run, ARGV[at + 2])
    at = at + 3
  elseif verb == 'finish' then
    if not refused[run] and finish(run, ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]) == false then refused[run] = true end
    is_running[run] = nil
    at = at + 5
  else
    if not refused[run] then progress(run, ARGV[at + 2]) end
    at = at + 3
  end
end
for _, place in ipairs(added) do push_ready('RPUSH', place.list, place.level, place) end
if ARGV[4] ~= '' then
  call('SET', P .. 'cursor', ARGV[4])
  call('XTRIM', P .. 'events', 'MINID', ARGV[4])
end
local reply = {'OK'}
for run in pairs(refused) do reply[#reply + 1] = run end
return reply
