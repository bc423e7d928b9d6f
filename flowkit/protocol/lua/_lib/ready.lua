-- ready: adds attempts to the ready lists, where workers claim them.
-- `list` is the name of a queue and its lane; `level` is a priority digit, or '!' for suspects
-- (claimed alone). An attempt waits in one of two places, both hints: the record says whether it is
-- still valid.
--   ready     "run,task,attempt": runs with few attempts, attempts that are given back, and all
--             attempts while workers of an older release serve the queue.
--   backlog   "task,attempt" of one run. A run with a backlog has a turn: its name is in `turns`,
--             once. A claim takes a share of the first backlogs and moves their turns to the end.
-- An attempt whose function only some of the workers of its queue have waits in a list of that
-- function, "<list>@<id>". `parked` has the ids of a list's functions that may have some.
-- `levels` keeps the levels that a list has ever used, in the order in which they are claimed, and
-- under "<list>+" and "<list>@" whether it has ever had a backlog or a list of a function. So a claim
-- checks only what there may be.

local function note_level(list, level, sign)
  if sign ~= '' then call('HSETNX', P .. 'levels', list .. sign, '1') end
  local known = read_levels(call('HGET', P .. 'levels', list))
  if string.find(known, level, 1, true) then return end
  local levels = {level}
  for digit in string.gmatch(known, '.') do levels[#levels + 1] = digit end
  -- '!' sorts below every digit in ASCII but must come first; digits descend.
  table.sort(levels, function(a, b)
    if a == '!' or b == '!' then return a == '!' and b ~= '!' end
    return a > b
  end)
  call('HSET', P .. 'levels', list, table.concat(levels))
end

-- Adds "run,task,attempt" entries. command: 'RPUSH' for new attempts, 'LPUSH' for those given back.
local function push_ready(command, list, level, entries)
  if #entries == 0 then return end
  note_level(list, level, '')
  local head = {command, ready_key(list, level)}
  for i = 1, #entries do head[i + 2] = entries[i] end
  local waiting = try(unpack(head))
  if type(waiting) == 'number' then wake(list, waiting, #entries) end
end

-- Adds "task,attempt" entries to the backlog of a run. `lacks_turn`: whether the run gets a turn;
-- nil if it gets one unless it has a backlog. With a turn too many, it would take two shares.
local function push_backlog(run, list, level, entries, lacks_turn)
  if #entries == 0 then return end
  note_level(list, level, '+')
  local head, key = {'RPUSH', backlog_key(list, level, run)}, turns_key(list, level)
  for i = 1, #entries do head[i + 2] = entries[i] end
  local waiting = try(unpack(head))
  if type(waiting) ~= 'number' then return end
  if lacks_turn == nil then lacks_turn = waiting == #entries end
  local turns
  if lacks_turn then turns = try('RPUSH', key, run) else turns = try('LLEN', key) end
  if type(turns) == 'number' then wake(list, waiting + turns - 1, #entries) end
end
