-- take: how a lane (one claimer of one worker process) gets attempts.
-- A claim writes the record (state R, the lane) and the lane's claims hash in the same step, so
-- what a dead lane held is always known. '#' in that hash is the number of its last call: the
-- same number again returns the same attempts, and a lane without '#' is not registered.

local POP_BOUND = 1000

local function pop(list, level, want, share)
  local key = ready_key(list, level)
  if share > 1 and want > 1 then
    want = math.min(want, math.max(1, math.ceil(call('LLEN', key) / share)))
  end
  return call('LPOP', key, want) or {}
end

-- Appends what a worker must know of one run and the attempts of it that it got.
local function describe(run, graph, submitted, params, taken, reply)
  local n = #reply
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4] = run, graph, submitted, params or ''
  reply[n + 5] = table.concat(taken, ' ')
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

-- Groups popped entries by run, in order of first appearance, dropping repeated ones.
local function by_run(entries, list, level, order, groups)
  for _, entry in ipairs(entries) do
    local run, task, attempt = string.match(entry, '^([^,]*),(%d+),(%d+)$')
    if run then
      local group = groups[run]
      if not group then
        group = {seen = {}}
        groups[run] = group
        order[#order + 1] = run
      end
      if not group.seen[task] then
        group.seen[task] = true
        group[#group + 1] = {task = task, attempt = attempt, list = list, level = level}
      end
    end
  end
end

-- Takes up to `limit` attempts from `lists`; appends run, graph, submitted, params,
-- "task,attempt,spent …" per run to `reply`. A suspect is taken alone, by a lane that holds nothing.
local function take(lane, call_no, limit, share, lists, reply)
  local now, taken, popped = now_ms(), 0, 0
  local idle = call('HLEN', claims_key(lane)) == 1
  for _, list in ipairs(lists) do
    local levels = call('HGET', P .. 'levels', list) or ''
    local drained = true
    for level in string.gmatch(levels, '.') do
      while taken < limit and popped < POP_BOUND and (level ~= '!' or (idle and taken == 0)) do
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

-- The attempts that call `call_no` returned before its reply was lost.
local function taken_before(lane, call_no, reply)
  local held = call('HGETALL', claims_key(lane))
  local order, groups = {}, {}
  for i = 1, #held, 2 do
    local run, task = string.match(held[i], '^([^,]*),(%d+)$')
    local attempt, tag = string.match(held[i + 1], '^(%d+),([^,]*),')
    if run and tag == call_no then
      local record = call('HGET', tasks_key(run), task) or ''
      local deaths = string.match(record, '^R%d+,[^,]*,([^,]*),')
      if not groups[run] then
        groups[run] = {}
        order[#order + 1] = run
      end
      table.insert(groups[run], task .. ',' .. attempt .. ',' .. (deaths or '0'))
    end
  end
  for _, run in ipairs(order) do
    local meta = call('HMGET', run_key(run), 'graph', 'submitted', 'params')
    describe(run, meta[1] or '', meta[2] or '0', meta[3], groups[run], reply)
  end
end

-- Claims once per call number. A limit of 0 claims nothing and leaves the number alone.
local function take_once(lane, last_call, call_no, limit, share, lists, reply)
  if limit == 0 then return end
  if last_call == call_no then return taken_before(lane, call_no, reply) end
  call('HSET', claims_key(lane), '#', call_no)
  take(lane, call_no, limit, share, lists, reply)
end
