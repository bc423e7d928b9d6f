-- base: the clock, the key names and the helpers that every script shares.
-- KEYS[1] is the prefix of the namespace, "{name}:". It routes the call in a cluster; all other
-- keys are derived from it, so they all have the same hash slot.

local P = KEYS[1]
local call = redis.call

-- The time of Redis in ms, the same for the whole script. Only tests override it, with ARGV[1].
local asked_ms
local function now_ms()
  if asked_ms then return asked_ms end
  local t = ARGV[1] == '' and call('TIME')
  asked_ms = t and t[1] * 1000 + math.floor(t[2] / 1000) or tonumber(ARGV[1])
  return asked_ms
end

local function run_key(run) return P .. 'run:' .. run end
local function tasks_key(run) return P .. 'run:' .. run .. ':tasks' end
local function results_key(run) return P .. 'run:' .. run .. ':results' end
local function errors_key(run) return P .. 'run:' .. run .. ':errors' end
local function history_key(run) return P .. 'run:' .. run .. ':history' end
local function logs_key(run) return P .. 'run:' .. run .. ':logs' end
local function inputs_key(run) return P .. 'run:' .. run .. ':inputs' end
local function children_key(run) return P .. 'run:' .. run .. ':children' end
local function feed_key(run) return P .. 'run:' .. run .. ':feed' end
local function graph_key(digest) return P .. 'graph:' .. digest end
local function takes_key(digest) return P .. 'graph:' .. digest .. ':takes' end
local function cached_key(digest) return P .. 'cache:' .. digest end
local function state_key(store) return P .. 'state:' .. store end
local function entry_key(store, entry) return P .. 'state:' .. store .. ':' .. entry end
local function ready_key(list, level) return P .. 'ready:' .. list .. ':' .. level end
local function turns_key(list, level) return P .. 'ready:' .. list .. ':' .. level .. '+' end
local function backlog_key(list, level, run) return P .. 'ready:' .. list .. ':' .. level .. ':' .. run end
local function parked_key(list) return P .. 'ready:' .. list .. '@' end
local function app_key(app) return P .. 'worker:@' .. app end
local function app_version_key(app) return P .. 'worker:@' .. app .. ':version' end
local function wake_key(list) return P .. 'wake:' .. list end
local function worker_key(worker) return P .. 'worker:' .. worker end
local function claims_key(lane) return P .. 'worker:' .. lane .. ':claims' end
local function progress_key(worker) return P .. 'worker:' .. worker .. ':progress' end
local function stops_key(lane) return P .. 'worker:' .. lane .. ':stops' end

-- Appends ARGV[first..last] to `head`, for commands that take many arguments.
local function args_from(head, first, last)
  local n = #head
  for i = first, last do
    n = n + 1
    head[n] = ARGV[i]
  end
  return head
end
