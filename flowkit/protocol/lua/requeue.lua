-- requeue: rebuilds the queue entries of one run from its records.
-- USES   base border spent guarded ready fence
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 run   5 'line' if its tasks wait for its turn, else
--        'queue'   then task, list, level per task
-- REPLY  OK <entries written> | FENCED
-- KEEPS  only queue entries are written, and a duplicate is dropped by the claim that pops it.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local run, written = ARGV[4], 0
local submitted = read_time(field_of(run_key(run), 'submitted')) or 0

-- Entries by list and level, in the order in which these first appear.
local order, groups = {}, {}
local function add(list, level, entry)
  local place = list .. ',' .. level
  if not groups[place] then
    groups[place] = {list = list, level = level}
    order[#order + 1] = groups[place]
  end
  table.insert(groups[place], entry)
end

for i = 6, #ARGV, 3 do
  local task, list, level = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local state, attempt, _, spent, _, due = read_record(field_of(tasks_key(run), task))
  if state == 'Q' then
    if is_suspect(spent) then level = '!' end
    add(list, level, task .. ',' .. attempt)
    written = written + 1
  elseif state == 'W' then
    local entry = run .. ',' .. task .. ',' .. string.format('%d', attempt + 1) .. ',' .. list .. ',' .. level
    try('ZADD', P .. 'delayed', string.format('%d', submitted + (tonumber(due) or 0)), entry)
    written = written + 1
  end
end
for _, group in ipairs(order) do
  if ARGV[5] == 'line' and group.level ~= '!' then
    -- With two turns, the run would take two shares until its backlog is empty.
    try('LREM', turns_key(group.list, group.level), 0, run)
    push_backlog(run, group.list, group.level, group, true)
  else
    for i = 1, #group do group[i] = run .. ',' .. group[i] end
    push_ready('RPUSH', group.list, group.level, group)
  end
end
return {'OK', written}
