-- enqueue: queues pending tasks of a running run, for `apply`.

-- The tasks are in ARGV from `first` to `last`. `verb`: queue or line, as in `apply`.
local function enqueue(verb, run, list, level, flags, first, last)
  local records = fields_of(unpack(args_from({tasks_key(run)}, first, last)))
  if not records then return end
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
      entries[#entries + 1] = (verb == 'queue' and run .. ',' or '') .. task .. ',' .. number
    end
  end
  if #entries > 0 then
    call(unpack(writes))
    if verb == 'queue' then push_ready('RPUSH', list, level, entries)
    else push_backlog(run, list, level, entries) end
  end
end
