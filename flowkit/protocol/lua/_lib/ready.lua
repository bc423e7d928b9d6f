-- ready: putting attempts where workers find them.
-- An entry is "run,task,attempt", a hint: the record says whether it still stands. `list` is a
-- queue's name and lane; `level` its priority digit, or '!' for suspects (claimed alone).
-- `levels` remembers which levels a list has ever used, first to claim first, so that a claim
-- looks at those and no others.

local WAKE_BOUND = 32

-- One token wakes one idle claimer, so there is one for each entry that waits, up to the bound:
-- nobody is woken before the script ends, and one script may push many times. Tokens are
-- disposable: a lost one costs a poll interval, a spare one an empty claim.
local function wake(list, waiting)
  local key = wake_key(list)
  local missing = math.min(waiting, WAKE_BOUND) - size_of('LLEN', key)
  for _ = 1, missing do try('RPUSH', key, '1') end
end

local function note_level(list, level)
  local known = read_levels(call('HGET', P .. 'levels', list))
  if string.find(known, level, 1, true) then return end
  local levels = {level}
  for one in string.gmatch(known, '.') do levels[#levels + 1] = one end
  -- '!' is below every digit in ASCII but must come first; digits go from high to low.
  table.sort(levels, function(a, b)
    if a == '!' or b == '!' then return a == '!' and b ~= '!' end
    return a > b
  end)
  call('HSET', P .. 'levels', list, table.concat(levels))
end

-- command: 'RPUSH' for new work, 'LPUSH' for work that had its turn already.
local function push_ready(command, list, level, entries)
  if #entries == 0 then return end
  note_level(list, level)
  local head = {command, ready_key(list, level)}
  for i = 1, #entries do head[i + 2] = entries[i] end
  local waiting = try(unpack(head))
  if type(waiting) == 'number' then wake(list, waiting) end
end
