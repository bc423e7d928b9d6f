-- take_turns: claims attempts from the backlogs of runs, which take turns; see ready.

local TURN = 32 -- attempts of one run in a claim, while other runs wait

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
  -- Equal turns: if the last run in a claim got the rest, it would fall behind the others.
  most = math.ceil(want / math.ceil(want / most))
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
