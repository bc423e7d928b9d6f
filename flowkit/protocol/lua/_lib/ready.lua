-- ready: adds attempts to the ready lists, where workers claim them.
-- An entry is "run,task,attempt", a hint: the record says whether it is still valid. `list` is the
-- name of a queue and its lane; `level` is a priority digit, or '!' for suspects (claimed alone).
-- `levels` keeps the levels that a list has ever used, in the order in which they are claimed, so
-- that a claim checks only those.

local WAKE_BOUND = 32

-- One token wakes one idle claimer, so each waiting entry has a token, up to the bound. Claimers
-- wake only after the script has ended, and one script may push many times. A lost token costs a
-- poll interval; a surplus token costs an empty claim.
local function wake(list, waiting)
  local key = wake_key(list)
  local missing = math.min(waiting, WAKE_BOUND) - size_of('LLEN', key)
  for _ = 1, missing do try('RPUSH', key, '1') end
end

local function note_level(list, level)
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

-- command: 'RPUSH' for new attempts, 'LPUSH' for attempts that are queued again.
local function push_ready(command, list, level, entries)
  if #entries == 0 then return end
  note_level(list, level)
  local head = {command, ready_key(list, level)}
  for i = 1, #entries do head[i + 2] = entries[i] end
  local waiting = try(unpack(head))
  if type(waiting) == 'number' then wake(list, waiting) end
end
