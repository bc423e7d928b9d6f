-- ready: adds attempts to the ready lists, where workers claim them.
-- `list` is the name of a queue and its lane; `level` is a priority digit, or '!' for suspects
-- (claimed alone). An attempt waits in one of two places, both hints: the record says whether it is
-- still valid.
--   ready     "run,task,attempt": runs that are small, attempts that are given back, and all
--             attempts while workers of an older release serve the queue.
--   backlog   "task,attempt" of one run. A run with a backlog has a turn: its name is in `turns`,
--             once. A claim takes a share of the first backlogs and moves their turns to the end.
-- An attempt whose function only some of the workers of its queue have waits in a list of that
-- function, "<list>@<id>". `parked` has the ids of a list's functions that may have some.
-- `levels` keeps the levels that a list has ever used, in the order in which they are claimed, and
-- under "<list>+" and "<list>@" whether it has ever had a backlog or a list of a function. So a claim
-- checks only what there may be.

local WAKE_BOUND = 32

-- One token wakes one idle claimer, so each waiting entry has a token, up to the bound, and each
-- added entry gets one: the others may belong to entries that wait in the other place. Claimers
-- wake only after the script has ended, and one script may push many times. A lost token costs a
-- poll interval; a surplus token costs an empty claim.
local function wake_at(key, waiting, added)
  local tokens = size_of('LLEN', key)
  local missing = math.max(waiting - tokens, added)
  for _ = 1, math.min(missing, WAKE_BOUND - tokens) do try('RPUSH', key, '1') end
end

-- Wakes claimers of a list. If it is one of a function, only workers whose app has the function
-- claim from it: they look for it in `parked`, and wait for a token of their app.
local function wake(list, waiting, added)
  local base, id = string.match(list, '^(.*)@(%x+)$')
  if not base then return wake_at(wake_key(list), waiting, added) end
  try('SADD', parked_key(base), id)
  call('HSETNX', P .. 'levels', base .. '@', '1')
  local apps = try('ZRANGEBYSCORE', app_key(''), string.format('%d', now_ms()), '+inf', 'LIMIT', 0, 100)
  for _, app in ipairs(apps) do
    if try('SISMEMBER', app_key(app), id) == 1 then wake_at(wake_key(base .. '@' .. app), waiting, added) end
  end
end

local function note_level(list, level, sign)
  local noted = call('HMGET', P .. 'levels', list, list .. sign)
  if sign ~= '' and not noted[2] then call('HSET', P .. 'levels', list .. sign, '1') end
  local known = read_levels(noted[1])
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

-- Adds "task,attempt" entries to the backlog of a run. `again`: entries are restored, and the turn
-- may be lost as well. A run must not get a turn too many: it would keep it while it has a backlog.
local function push_backlog(run, list, level, entries, again)
  if #entries == 0 then return end
  note_level(list, level, '+')
  local key, head = turns_key(list, level), {'RPUSH', backlog_key(list, level, run)}
  for i = 1, #entries do head[i + 2] = entries[i] end
  local waiting = try(unpack(head))
  if type(waiting) ~= 'number' then return end
  local first = waiting == #entries
  if again then first = not try('LPOS', key, run) end
  local turns = first and try('RPUSH', key, run) or try('LLEN', key)
  if type(turns) == 'number' then wake(list, waiting + turns - 1, #entries) end
end
