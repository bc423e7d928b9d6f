-- take: how a lane (one claimer of one worker process) gets attempts.
-- A claim writes the record (state R, the lane) and the lane's claims hash in the same step, so
-- what a dead lane held is always known.

local POP_BOUND = 1000

local function pop(list, level, want, share)
  local key = ready_key(list, level)
  if share > 1 and want > 1 then
    want = math.min(want, math.max(1, math.ceil(call('LLEN', key) / share)))
  end
  return call('LPOP', key, want) or {}
end

-- Marks those of one run's popped attempts that still stand as running; returns how many.
local function take_run(lane, call_no, run, found, now, reply)
  local meta = call('HMGET', run_key(run), 'state', 'stop', 'submitted', 'graph', 'params')
  if meta[1] ~= 'running' or meta[2] then return 0 end
  local fields = {'HMGET', tasks_key(run)}
  for i = 1, #found do fields[i + 2] = found[i].task end
  local records = call(unpack(fields))
  local writes, claims, taken = {'HSET', tasks_key(run)}, {'HSET', claims_key(lane)}, {}
  local started = string.format('%d', now - meta[3])
  for i, one in ipairs(found) do
    local attempt, deaths = string.match(records[i] or '', '^Q(%d+),,([^,]*),')
    if attempt == one.attempt then
      writes[#writes + 1] = one.task
      writes[#writes + 1] = 'R' .. attempt .. ',' .. lane .. ',' .. deaths .. ',' .. started .. ','
      claims[#claims + 1] = run .. ',' .. one.task
      claims[#claims + 1] = attempt .. ',' .. call_no .. ',' .. one.list .. ',' .. one.level
      taken[#taken + 1] = one.task .. ',' .. attempt .. ',' .. deaths
    end
  end
  if #taken == 0 then return 0 end
  call(unpack(writes))
  call(unpack(claims))
  describe(run, meta[4], meta[3], meta[5], taken, reply)
  return #taken
end

-- Whether the other lane of this lane's child holds a suspect (which it then holds alone).
local function suspect_beside(lane)
  local other = string.match(lane, '^(.*)a$') or lane .. 'a'
  local held = call('HVALS', claims_key(other))
  return #held == 2 and (string.match(held[1], ',!$') or string.match(held[2], ',!$')) ~= nil
end

-- Takes up to `limit` attempts from `lists`; appends run, graph, submitted, params,
-- "task,attempt,spent …" per run to `reply`. A suspect is taken alone, by a lane that holds
-- nothing, and not while its child executes another one.
local function take(lane, call_no, limit, share, lists, reply)
  local now, taken, popped = now_ms(), 0, 0
  local idle = call('HLEN', claims_key(lane)) == 1
  for _, list in ipairs(lists) do
    local levels = call('HGET', P .. 'levels', list) or ''
    local drained = true
    for level in string.gmatch(levels, '.') do
      while taken < limit and popped < POP_BOUND and (level ~= '!' or (idle and taken == 0)) do
        if level == '!' and call('LLEN', ready_key(list, level)) > 0 and suspect_beside(lane) then break end
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
      drained = drained and taken < limit and call('LLEN', ready_key(list, level)) == 0
    end
    if drained then call('DEL', wake_key(list)) end
    if taken >= limit then return end
  end
end
