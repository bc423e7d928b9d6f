-- queue: marks the pending tasks of a run as queued.

-- The tasks are in ARGV[first..last]. Returns the entries "task,attempt" of those that were pending.
local function mark_queued(run, flags, first, last)
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
      writes[#writes + 1] = 'Q' .. number .. ',,' .. spent .. ',,'
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
