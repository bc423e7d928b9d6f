-- suspects: who may claim a task that may have killed its worker.

-- Whether the other lane of this lane's child holds a suspect (which it then holds alone).
local function suspect_beside(lane)
  local other = string.match(lane, '^(.*)a$') or lane .. 'a'
  local held = redis.pcall('HVALS', claims_key(other))
  return #held == 2 and (string.match(held[1], ',!$') or string.match(held[2], ',!$')) ~= nil
end

-- Whether this lane may look into a level now: 'yes', 'no', or 'wait' to take nothing at all. A
-- suspect is taken alone, by a lane that holds nothing, and not while its child executes another
-- one. A lane that holds something takes nothing more while a suspect waits: it would never be
-- free for it otherwise.
local function may_look(lane, list, level, taken)
  if level ~= '!' then return 'yes' end
  if size_of('LLEN', ready_key(list, level)) == 0 or suspect_beside(lane) then return 'no' end
  if taken > 0 or call('HLEN', claims_key(lane)) > 1 then return 'wait' end
  return 'yes'
end
