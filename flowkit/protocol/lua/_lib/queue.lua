-- queue: queues pending tasks of a running run, for `apply`.

-- Marks the tasks in ARGV[first..last] as queued, at `queued`. Returns the entries "task,attempt" of those that were pending.
local function mark_queued(run, flags, queued, first, last)
  local records = fields_of(unpack(args_from({tasks_key(run)}, first, last)))
  if not records then return {} end
  local writes, entries = {'HSET', tasks_key(run)}, {}
  for i = 1, last - first + 1 do
    local task, record, attempt, spent = ARGV[first + i - 1], records[i], 1, UNSPENT .. flags
    if record then
      local state, number = read_record(record)
      attempt = state == 'P' and number
      if attempt then
        spent = spent_before(attempt) .. flags
        attempt = attempt + 1
      end
    end
    if attempt then
      local number = string.format('%d', attempt)
      writes[#writes + 1] = task
      writes[#writes + 1] = 'Q' .. number .. ',,' .. spent .. ',,,' .. queued
      entries[#entries + 1] = task .. ',' .. number
    end
  end
  if #entries > 0 then call(unpack(writes)) end
  return entries
end

-- Collects entries for a ready list in `added`. What many runs of a batch put into one list is
-- pushed at once, in the end.
local function add_ready(added, run, list, level, entries)
  local name = list .. ' ' .. level
  local place = added[name]
  if not place then
    place = {list = list, level = level}
    added[name], added[#added + 1] = place, place
  end
  for i = 1, #entries do place[#place + 1] = run .. ',' .. entries[i] end
end

-- The tasks are in ARGV from `first` to `last`. `verb`: queue or line, as in `apply`. `submitted`: when the run was.
local function enqueue(added, verb, run, submitted, list, level, flags, first, last)
  local entries = mark_queued(run, flags, since(submitted), first, last)
  if #entries == 0 then return end
  if verb == 'queue' then add_ready(added, run, list, level, entries)
  else push_backlog(run, list, level, entries) end
end
