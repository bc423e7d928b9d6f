-- functions: the apps of live workers, and the lists of functions that only some workers of a queue
-- have.

local APP_TTL_MS = 86400000 -- of what is recorded of an app, behind the last heartbeat with it

-- A worker with this app lives for another `lease` ms: its lanes claim, and wait for tokens.
local function keep_app(app, lease)
  note('ZADD', app_key(''), 'GT', string.format('%d', now_ms() + lease), app)
end

-- Forgets the list of a function that has nothing left.
local function forget_function(list)
  local base, id = string.match(list, '^(.*)@(%x+)$')
  try('SREM', parked_key(base), id)
  call('HDEL', P .. 'levels', list, list .. '+')
end

-- Forgets those lists of functions of which none of the places looked at has any more.
local function forget_empty(waits)
  for list, more in pairs(waits) do
    if not more then forget_function(list) end
  end
end
