-- hasten: makes tasks that wait for their next attempt due at once.
-- USES   base border spent guarded history
-- RARE   remember
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 run   3 who asks for it
--        4… per task, at most 200: task, its last attempt, level,
--        the ready lists that it may wait for, separated by blanks; the first if it is in none
-- REPLY  OK <tasks that were hastened> | UNKNOWN | OVER <state>
-- KEEPS  only a task that waits after this very attempt is hastened, and not in a run that stops;
--        its record and its entry in `delayed` are due at the same time. A repeated call changes
--        nothing.

local run = ARGV[2]
local meta = fields_of(run_key(run), 'state', 'stop', 'submitted') or {}
if not meta[1] then return {'UNKNOWN'} end
if meta[1] ~= 'running' then return {'OVER', meta[1]} end
local submitted = read_time(meta[3])
local now = string.format('%d', now_ms())

-- Moves the entries of an attempt in `delayed` to now; adds one if none is left.
local function move_entries(head, level, lists)
  local moved = false
  for list in string.gmatch(lists, '[^ ]+') do
    -- A suspect waits at another level.
    for _, at in ipairs({level, '!'}) do
      local entry = head .. ',' .. list .. ',' .. at
      if type(try('ZSCORE', P .. 'delayed', entry)) == 'string' then
        call('ZADD', P .. 'delayed', now, entry)
        moved = true
      end
    end
  end
  if not moved then try('ZADD', P .. 'delayed', now, head .. ',' .. string.match(lists, '[^ ]+') .. ',' .. level) end
end

local writes, hastened = {'HSET', tasks_key(run)}, {}
for i = 4, submitted and #ARGV or 0, 4 do
  local task, attempt = ARGV[i], ARGV[i + 1]
  local record = field_of(tasks_key(run), task)
  local state, last, _, spent, _, due = read_record(record)
  local waits = state == 'W' and last == attempt and not stopped(meta[2], spent) and not waits_for_runs(record)
  if waits and submitted + (tonumber(due) or 0) > tonumber(now) then
    -- What a record has after its due time stays.
    local head, rest = string.match(record, '^(%u%d+,[^,]*,[^,]*,[^,]*,)%-?%d*(.*)$')
    writes[#writes + 1] = task
    writes[#writes + 1] = head .. string.format('%d', now - submitted) .. rest
    move_entries(run .. ',' .. task .. ',' .. string.format('%d', attempt + 1), ARGV[i + 2], ARGV[i + 3])
    hastened[#hastened + 1] = task
  end
end
if #hastened > 0 then
  call(unpack(writes))
  remember(run, 'hasten', table.concat(hastened, ',') .. ' ' .. ARGV[3])
  -- As if a worker had announced these retries: the scheduler looks when the next one is due.
  call('XADD', P .. 'events', '*', 'W', run .. ' ' .. table.concat(hastened, ' '))
end
return {'OK', #hastened}
