-- take: how a lane (one claimer of one worker process) claims attempts.
-- A claim writes the record (state R, the lane) and the claims hash of the lane in the same step,
-- so it is always known what a dead lane held.

local POP_BOUND = 1000 -- entries and turns that one claim looks at
local TURN = 32 -- attempts of one run in a claim, while other runs wait
local FUNCTIONS_BOUND = 100 -- lists of functions that one claim looks at

-- Marks the popped attempts of one run that are still valid as running; returns how many. Returns
-- nil if nothing of this run can be claimed any more.
local function take_run(claimer, run, entries, reply)
  if not is_run(run) then return nil end
  local worker = '@' .. claimer.worker
  local meta = fields_of(run_key(run), 'state', 'stop', 'submitted', 'graph', 'params', 'resumes', 'ran', worker)
  if not meta or meta[1] ~= 'running' then return nil end
  if not (meta[4] and is_digest(meta[4]) and read_time(meta[3])) then return nil end
  local fields = {tasks_key(run)}
  for i = 1, #entries do fields[i + 1] = entries[i].task end
  local records = fields_of(unpack(fields))
  if not records then return nil end
  local lane = claimer.lane
  local writes, claims, taken = {'HSET', tasks_key(run)}, {'HSET', claims_key(lane)}, {}
  local started = string.format('%d', claimer.now - meta[3])
  for i, entry in ipairs(entries) do
    local record = records[i] or ''
    local attempt, spent = string.match(record, '^Q(%d+),,(' .. WORD .. '),')
    if attempt == entry.attempt and #record <= MAX_RECORD and not stopped(meta[2], spent) then
      writes[#writes + 1] = entry.task
      writes[#writes + 1] = 'R' .. attempt .. ',' .. lane .. ',' .. spent .. ',' .. started .. ','
      claims[#claims + 1] = run .. ',' .. entry.task
      claims[#claims + 1] = attempt .. ',' .. claimer.call_no .. ',' .. entry.list .. ',' .. entry.level
      taken[#taken + 1] = entry.task .. ',' .. attempt .. ',' .. spent
    end
  end
  if #taken == 0 then return 0 end
  call(unpack(writes))
  call(unpack(claims))
  if claimer.app ~= '' then note_version(claimer, run, meta[7], meta[8]) end
  describe(run, meta[4], life_of(meta[3], meta[6]), meta[5], taken, reply)
  return #taken
end

local function pop(key, count)
  local popped = try('LPOP', key, count)
  return popped and not popped.err and popped or {}
end

-- Takes up to `most` attempts from the ready list of a level, which has `waiting` entries; returns
-- how many, and how many entries are left.
local function take_ready(claimer, list, level, most, waiting, reply)
  local key, taken = ready_key(list, level), 0
  while taken < most and waiting > 0 and claimer.popped < POP_BOUND do
    local entries = pop(key, most - taken)
    claimer.popped = claimer.popped + #entries
    waiting = #entries == 0 and 0 or waiting - #entries
    local order, groups = {}, {}
    by_run(entries, list, level, order, groups)
    for _, run in ipairs(order) do
      taken = taken + (take_run(claimer, run, groups[run], reply) or 0)
    end
  end
  return taken, waiting
end

-- Takes the turn of one run: up to `most` attempts of its backlog. Returns how many, and whether
-- the run has more.
local function take_turn(claimer, run, list, level, most, reply)
  local key = backlog_key(list, level, run)
  local waiting = size_of('LLEN', key)
  local count = math.min(most, math.ceil(waiting / claimer.share))
  local entries, seen = {}, {}
  for _, entry in ipairs(pop(key, count)) do
    local task, attempt = string.match(entry, '^(%d+),(%d+)$')
    if task and #task <= 7 and #attempt <= 9 and not seen[task] then
      seen[task] = true
      entries[#entries + 1] = {task = task, attempt = attempt, list = list, level = level}
    end
  end
  claimer.popped = claimer.popped + count + 1
  if #entries == 0 then return 0, waiting > count and count > 0 end
  local taken = take_run(claimer, run, entries, reply)
  if taken then return taken, waiting > count end
  try('DEL', key)
  return 0, false
end

-- Takes up to `want` attempts from the backlogs of a level, where `turns` runs have a turn; returns
-- how many, and whether more may wait there.
local function take_turns(claimer, list, level, want, turns, reply)
  local key, taken, left = turns_key(list, level), 0, math.ceil(turns / claimer.share)
  local most = math.max(TURN, math.ceil(want / left))
  local again = {'RPUSH', key}
  while taken < want and left > 0 and claimer.popped < POP_BOUND do
    local runs = pop(key, math.min(left, math.ceil((want - taken) / most)))
    left = #runs == 0 and 0 or left - #runs
    turns = turns - #runs
    for _, run in ipairs(runs) do
      local got, more = 0, true
      if not is_run(run) then
        more = false
      elseif taken < want then
        got, more = take_turn(claimer, run, list, level, math.min(most, want - taken), reply)
      end
      taken = taken + got
      if more then again[#again + 1] = run end
    end
  end
  if #again > 2 then try(unpack(again)) end
  return taken, turns > 0 or #again > 2
end

-- Takes up to `want` attempts of one level; returns how many, and whether more may wait there. The
-- ready list and the backlogs get half each while both have some; of a single attempt, each gets
-- every other one.
local function take_level(claimer, list, level, want, reply)
  local waiting = size_of('LLEN', ready_key(list, level))
  if level == '!' then return take_ready(claimer, list, level, 1, waiting, reply), waiting > 1 end
  local turns = size_of('LLEN', turns_key(list, level))
  local part = math.ceil(waiting / claimer.share)
  local half = turns == 0 and want or math.floor((want + claimer.call_no % 2) / 2)
  local taken, left = take_ready(claimer, list, level, math.min(part, half), waiting, reply)
  local more = turns > 0
  if more and taken < want then
    local got
    got, more = take_turns(claimer, list, level, want - taken, turns, reply)
    taken = taken + got
  end
  local rest = math.min(part - waiting + left, want - taken)
  if turns > 0 and rest > 0 then
    local got
    got, left = take_ready(claimer, list, level, rest, left, reply)
    taken = taken + got
  end
  return taken, left > 0 or more
end

-- Adds the levels of one list to `places`, in the order in which they are claimed.
local function add_places(places, list)
  for level in string.gmatch(read_levels(call('HGET', P .. 'levels', list)), '.') do
    places[#places + 1] = {list = list, level = level}
  end
end

-- The places to claim from, for one list of a lane: its levels, and those of the lists of functions
-- that only some workers have, and this app among them. At one level, the list and these others are
-- first in every other call.
local function places_of(claimer, list)
  local places, ids = {}, {}
  if claimer.app ~= '' then ids = try('SINTER', parked_key(list), app_key(claimer.app)) end
  if ids.err or #ids == 0 then
    add_places(places, list)
    return places
  end
  local turn = claimer.call_no % 2
  if turn == 0 then add_places(places, list) end
  for i = 1, math.min(#ids, FUNCTIONS_BOUND) do
    local other = list .. '@' .. ids[(i + claimer.call_no) % #ids + 1]
    local before = #places
    add_places(places, other)
    if #places == before then try('SREM', parked_key(list), string.sub(other, -16)) end
  end
  if turn == 1 then add_places(places, list) end
  for i, place in ipairs(places) do place.rank = (place.level == '!' and 10 or tonumber(place.level)) * 1000 - i end
  table.sort(places, function(a, b) return a.rank > b.rank end)
  return places
end

-- Forgets the list of a function that has nothing left.
local function forget_function(list)
  local base, id = string.match(list, '^(.*)@(%x+)$')
  try('SREM', parked_key(base), id)
  call('HDEL', P .. 'levels', list)
end

-- Takes up to `limit` attempts from `lists`; appends run, graph, life, params,
-- "task,attempt,spent …" per run to `reply`.
local function take(claimer, limit, lists, reply)
  local lane, taken = claimer.lane, 0
  for _, list in ipairs(lists) do
    local waits, drained = {}, true
    for _, place in ipairs(places_of(claimer, list)) do
      local look, more = may_look(lane, place.list, place.level, taken), true
      if look == 'wait' then return end
      if look == 'no' then more = size_of('LLEN', ready_key(place.list, place.level)) > 0 end
      if look == 'yes' and taken < limit then
        local got
        got, more = take_level(claimer, place.list, place.level, limit - taken, reply)
        taken = taken + got
        if place.level == '!' and got > 0 then return end
      end
      waits[place.list] = waits[place.list] or more
      drained = drained and not more
    end
    for name, wait in pairs(waits) do
      if not wait and name ~= list then forget_function(name) end
    end
    if drained then
      call('DEL', wake_key(list))
      if claimer.app ~= '' then call('DEL', wake_key(list .. '@' .. claimer.app)) end
    end
    if taken >= limit then return end
  end
end
