-- apply: writes what the scheduler decided: queues ready tasks, ends runs, moves the cursor.
-- USES   base border spent guarded wake ready queue fence graph finish
-- RARE   finish push_backlog
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 cursor ('' keeps it)
--        then commands: begin <run> <graph digest>
--                       queue <run> <list> <level> <flags> <count> <task>×count
--                       line <run> …: as queue, but the tasks wait for the run's turn
--                       finish <run> <outcome> <failed task or ''> <counts>
--                       progress <run> <counts>
-- REPLY  OK <run>× (begun runs that do not run or have another graph) | FENCED
-- KEEPS  a task is queued only if it is pending in a running run; the cursor moves in the same
--        step as the commands that the events before it led to, so replaying after a crash is safe.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end

-- A run begins because an event says so. Anyone may have written the event, so check the run.
local refused, is_running = {}, {}
local function begin(run, digest)
  local meta = fields_of(run_key(run), 'state', 'graph')
  is_running[run] = meta and meta[1] == 'running' and meta[2] == digest
  if not is_running[run] then refused[run] = true end
end

local added = {}
local function queue(verb, run, list, level, flags, first, last)
  if refused[run] or not is_running[run] and field_of(run_key(run), 'state') ~= 'running' then return end
  local entries = mark_queued(run, flags, first, last)
  if #entries == 0 then return end
  if verb == 'queue' then add_ready(added, run, list, level, entries)
  else push_backlog(run, list, level, entries) end
end

local at = 5
while at <= #ARGV do
  local verb, run = ARGV[at], ARGV[at + 1]
  if verb == 'queue' or verb == 'line' then
    local last = at + 5 + ARGV[at + 5]
    assert(last >= at + 5, 'a number of tasks is negative')
    queue(verb, run, ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], at + 6, last)
    at = last + 1
  elseif verb == 'begin' then
    begin(run, ARGV[at + 2])
    at = at + 3
  elseif verb == 'finish' then
    if not refused[run] then finish(run, ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]) end
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
