-- wake: tokens that wake idle claimers of a ready list.

local WAKE_BOUND = 32
local APPS_BOUND = 100 -- apps that one wake looks at
local APP_WAKE_TTL_MS = 86400000 -- the tokens of an app, which may never have a worker again

-- One token wakes one idle claimer, so each waiting entry has a token, up to the bound, and each
-- added entry gets one: the others may belong to entries that wait in the other place. Claimers
-- wake only after the script has ended, and one script may push many times. A lost token costs a
-- poll interval; a surplus token costs an empty claim.
local function wake_at(key, waiting, added)
  local tokens = size_of('LLEN', key)
  local missing = math.max(waiting - tokens, added)
  local push = {'RPUSH', key}
  for i = 1, math.min(missing, WAKE_BOUND - tokens) do push[i + 2] = '1' end
  if #push > 2 then try(unpack(push)) end
end

-- Wakes claimers of a list. If it is one of a function, only workers whose app has the function
-- claim from it: they look for it in `parked`, and wait for a token of their app.
local function wake(list, waiting, added)
  local base, id = string.match(list, '^(.*)@(%x+)$')
  if not base then return wake_at(wake_key(list), waiting, added) end
  note('SADD', parked_key(base), id)
  call('HSETNX', P .. 'levels', base .. '@', '1')
  local apps = try('ZRANGEBYSCORE', app_key(''), string.format('%d', now_ms()), '+inf', 'LIMIT', 0, APPS_BOUND)
  -- With more apps than that, any worker of the queue is woken too.
  if #apps >= APPS_BOUND then wake_at(wake_key(base), waiting, added) end
  for _, app in ipairs(apps) do
    if try('SISMEMBER', app_key(app), id) == 1 then
      local key = wake_key(base .. '@' .. app)
      wake_at(key, waiting, added)
      try('PEXPIRE', key, APP_WAKE_TTL_MS)
    end
  end
end
