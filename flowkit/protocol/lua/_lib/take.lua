-- take: how a lane (one claimer of one worker process) claims attempts from its lists.

-- Takes up to `want` attempts of one level; returns how many, and whether more may wait there. The
-- ready list and the backlogs, if there were ever any, get half each while both have some; of a
-- single attempt, each gets every other one, counted in `round`.
local function take_level(claimer, place, want, reply)
  local list, level = place.list, place.level
  local waiting = size_of('LLEN', ready_key(list, level))
  if level == '!' then return take_ready(claimer, list, level, 1, waiting, reply), waiting > 1 end
  local turns = place.backlogs and size_of('LLEN', turns_key(list, level)) or 0
  local part = math.ceil(waiting / claimer.share)
  if turns == 0 then
    local taken, left = take_ready(claimer, list, level, math.min(part, want), waiting, reply)
    return taken, left > 0
  end
  local half = math.floor((want + place.round % 2) / 2)
  local taken, left = take_ready(claimer, list, level, math.min(part, half), waiting, reply)
  local got, more = take_turns(claimer, list, level, want - taken, turns, reply)
  taken = taken + got
  local rest = math.min(part - waiting + left, want - taken)
  if rest > 0 then
    got, left = take_ready(claimer, list, level, rest, left, reply)
    taken = taken + got
  end
  return taken, left > 0 or more
end

-- Takes up to `limit` attempts from `lists`; appends run, graph, life, params,
-- "task,attempt,spent …" per run to `reply`.
local function take(claimer, limit, lists, reply)
  local lane, taken = claimer.lane, 0
  for _, list in ipairs(lists) do
    local noted = call('HMGET', P .. 'levels', list, list .. '+', list .. '@')
    local places, drained = places_of(claimer, list, noted)
    local waits -- of lists of functions
    for _, place in ipairs(places) do
      local look, more = 'yes', true
      if place.level == '!' then look = may_look(lane, place.list, taken) end
      if look == 'wait' then return end
      if look == 'no' then more = size_of('LLEN', ready_key(place.list, place.level)) > 0 end
      if look == 'yes' and taken < limit then
        local got
        got, more = take_level(claimer, place, limit - taken, reply)
        taken = taken + got
        if place.level == '!' and got > 0 then return end
      end
      if place.list ~= list then
        waits = waits or {}
        waits[place.list] = waits[place.list] or more
      end
      drained = drained and not more
    end
    if waits then forget_empty(waits) end
    if drained then
      call('DEL', wake_key(list))
      if noted[3] and claimer.app ~= '' then call('DEL', wake_key(list .. '@' .. claimer.app)) end
    end
    if taken >= limit then return end
  end
end
