-- suspects: which lanes may claim a suspect, a task that may have killed its worker.

-- Whether the other lane of the same child holds a suspect (and then holds only that).
local function suspect_beside(lane)
  local other = string.match(lane, '^(.*)a$') or lane .. 'a'
  local held = redis.pcall('HVALS', claims_key(other))
  return #held == 2 and (string.match(held[1], ',!$') or string.match(held[2], ',!$')) ~= nil
end

-- Whether this lane may claim a suspect of a list now: 'yes', 'no', or 'wait' to claim nothing at all. A
-- suspect is claimed alone, by a lane that holds nothing, and not while the same child executes
-- another suspect. A lane that holds attempts claims no more while a suspect waits, or it would
-- never be free for it.
local function may_look(lane, list, taken)
  if size_of('LLEN', ready_key(list, '!')) == 0 or suspect_beside(lane) then return 'no' end
  if taken > 0 or call('HLEN', claims_key(lane)) > 1 then return 'wait' end
  return 'yes'
end
