-- base: the clock, the key names and the words that every script shares.
-- KEYS[1] is the namespace's prefix, "{name}:". It routes the call in a cluster; every other key
-- is derived from it, so all of them live in the same hash slot.

local P = KEYS[1]
local call = redis.call

-- Redis' own time in ms. ARGV[1] overrides it, which only tests do.
local function now_ms()
  if ARGV[1] ~= '' then return tonumber(ARGV[1]) end
  local t = call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function run_key(run) return P .. 'run:' .. run end
local function tasks_key(run) return P .. 'run:' .. run .. ':tasks' end
local function results_key(run) return P .. 'run:' .. run .. ':results' end
local function errors_key(run) return P .. 'run:' .. run .. ':errors' end
local function feed_key(run) return P .. 'run:' .. run .. ':feed' end
local function graph_key(digest) return P .. 'graph:' .. digest end
local function cached_key(digest) return P .. 'cache:' .. digest end
local function state_key(store) return P .. 'state:' .. store end
local function entry_key(store, entry) return P .. 'state:' .. store .. ':' .. entry end
local function ready_key(list, level) return P .. 'ready:' .. list .. ':' .. level end
local function wake_key(list) return P .. 'wake:' .. list end
local function worker_key(worker) return P .. 'worker:' .. worker end
local function claims_key(lane) return P .. 'worker:' .. lane .. ':claims' end
local function stops_key(lane) return P .. 'worker:' .. lane .. ':stops' end

-- Whether a task is not to go on, in a run whose `stop` says why it stops (false if it does not).
-- After a failure tasks with '+' in their record's third field go on; after a cancel none does.
local function stopped(stop, spent)
  return stop and (stop == 'cancelled' or not string.find(spent, '+', 1, true))
end

-- Whether a task must never start twice: it has '=' in its record's third field.
local function at_most_once(spent) return string.find(spent, '=', 1, true) ~= nil end

-- Copies ARGV[first..last] behind a fixed head, for commands that take many arguments.
local function args_from(head, first, last)
  local n = #head
  for i = first, last do
    n = n + 1
    head[n] = ARGV[i]
  end
  return head
end
