-- requeue: rebuilds the queue entries of one run from its records.
-- USES   base border spent guarded wake ready fence
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 run   5 'line' if its tasks wait for its turn, else
--        'queue'   then task, list, level per task
-- REPLY  OK <entries written> | FENCED
-- KEEPS  only queue entries are written, and a duplicate is dropped by the claim that pops it.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local run, written = ARGV[4], 0
local submitted = read_time(field_of(run_key(run), 'submitted')) or 0

local backlogs, places = {}, {}
local function push(list, level, task, attempt)
  if ARGV[5] ~= 'line' or level == '!' then
    push_ready('RPUSH', list, level, {run .. ',' .. task .. ',' .. attempt})
    return
  end
  local place = list .. ',' .. level
  if not backlogs[place] then
    backlogs[place] = {list = list, level = level}
    places[#places + 1] = place
  end
  table.insert(backlogs[place], task .. ',' .. attempt)
end

for i = 6, #ARGV, 3 do
  local task, list, level = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local record = field_of(tasks_key(run), task)
  local state, attempt, _, spent, _, due = read_record(record)
  if state == 'Q' then
    if is_suspect(spent) then level = '!' end
    push(list, level, task, attempt)
    written = written + 1
  elseif state == 'W' and not waits_for_runs(record) then
    local entry = run .. ',' .. task .. ',' .. string.format('%d', attempt + 1) .. ',' .. list .. ',' .. level
    try('ZADD', P .. 'delayed', string.format('%d', submitted + (tonumber(due) or 0)), entry)
    written = written + 1
  end
end
for _, place in ipairs(places) do
  local entries = backlogs[place]
  local lacks_turn = not try('LPOS', turns_key(entries.list, entries.level), run)
  push_backlog(run, entries.list, entries.level, entries, lacks_turn)
end
return {'OK', written}
