-- take: how a lane (one claimer of one worker process) claims attempts.
-- A claim writes the record (state R, the lane) and the claims hash of the lane in the same step,
-- so it is always known what a dead lane held.

local POP_BOUND = 1000

local function pop(list, level, want, share)
  local key = ready_key(list, level)
  if share > 1 and want > 1 then
    want = math.min(want, math.max(1, math.ceil(size_of('LLEN', key) / share)))
  end
  local popped = try('LPOP', key, want)
  return popped and not popped.err and popped or {}
end

-- Marks the popped attempts of one run that are still valid as running; returns how many.
local function take_run(lane, call_no, run, entries, now, reply)
  if not is_run(run) then return 0 end
  local meta = fields_of(run_key(run), 'state', 'stop', 'submitted', 'graph', 'params', 'resumes')
  if not meta or meta[1] ~= 'running' then return 0 end
  if not (meta[4] and is_digest(meta[4]) and read_time(meta[3])) then return 0 end
  local fields = {tasks_key(run)}
  for i = 1, #entries do fields[i + 1] = entries[i].task end
  local records = fields_of(unpack(fields))
  if not records then return 0 end
  local writes, claims, taken = {'HSET', tasks_key(run)}, {'HSET', claims_key(lane)}, {}
  local started = string.format('%d', now - meta[3])
  for i, entry in ipairs(entries) do
    local record = records[i] or ''
    local attempt, spent = string.match(record, '^Q(%d+),,(' .. WORD .. '),')
    if attempt == entry.attempt and #record <= MAX_RECORD and not stopped(meta[2], spent) then
      writes[#writes + 1] = entry.task
      writes[#writes + 1] = 'R' .. attempt .. ',' .. lane .. ',' .. spent .. ',' .. started .. ','
      claims[#claims + 1] = run .. ',' .. entry.task
      claims[#claims + 1] = attempt .. ',' .. call_no .. ',' .. entry.list .. ',' .. entry.level
      taken[#taken + 1] = entry.task .. ',' .. attempt .. ',' .. spent
    end
  end
  if #taken == 0 then return 0 end
  call(unpack(writes))
  call(unpack(claims))
  describe(run, meta[4], life_of(meta[3], meta[6]), meta[5], taken, reply)
  return #taken
end

-- Takes up to `limit` attempts from `lists`; appends run, graph, life, params,
-- "task,attempt,spent …" per run to `reply`.
local function take(lane, call_no, limit, share, lists, reply)
  local now, taken, popped = now_ms(), 0, 0
  for _, list in ipairs(lists) do
    local drained = true
    for level in string.gmatch(read_levels(call('HGET', P .. 'levels', list)), '.') do
      local look = may_look(lane, list, level, taken)
      if look == 'wait' then return end
      while look == 'yes' and taken < limit and popped < POP_BOUND do
        local entries = pop(list, level, level == '!' and 1 or (limit - taken), share)
        if #entries == 0 then break end
        popped = popped + #entries
        local order, groups = {}, {}
        by_run(entries, list, level, order, groups)
        for _, run in ipairs(order) do
          taken = taken + take_run(lane, call_no, run, groups[run], now, reply)
        end
        if level == '!' and taken > 0 then return end
        if share > 1 and taken > 0 then break end
      end
      drained = drained and taken < limit and size_of('LLEN', ready_key(list, level)) == 0
    end
    if drained then call('DEL', wake_key(list)) end
    if taken >= limit then return end
  end
end
