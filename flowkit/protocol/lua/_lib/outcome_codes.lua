-- outcome_codes: reads outcomes, and turns the code of one into the state code of its record.
-- An outcome is a text, its token: flowkit/protocol/outcomes.py has its grammar.

-- Patterns for: the attempt, the code and a comma if more follows; the delay, ready list and level
-- of an attempt that another one will replace; the ready list and level of one that has called runs;
-- the cache entry of a success and its TTL; ITEMS of a success.
local OUTCOME = '^%d+,(%d+),(%u)(,?)'
local RETRY = '^%d+,%d+,[WDA],(%d+),([^,]*),(.)'
local CALLING = '^%d+,%d+,N,([^,]*),(.)'
local CACHE_ENTRY = '^%d+,%d+,S,(%x+),(%d+)'
local ITEMS = '^%d+,%d+,[SH][%x,]*,#([%w!_./]+)'

-- Returns the state code to record: in a stopping run, only tasks that continue start again.
local function settled(code, stop, spent)
  if code == 'W' and at_most_once(spent) then return 'F' end
  if code == 'W' or code == 'D' then return stopped(stop, spent) and 'F' or 'W' end
  if code == 'A' then return stopped(stop, spent) and 'C' or at_most_once(spent) and 'F' or 'W' end
  if code == 'N' then return stopped(stop, spent) and 'C' or 'W' end
  if code == 'H' then return 'S' end
  return code
end

-- Caches a result for tasks with the same code and arguments, if its token has an entry and a TTL.
local function keep_cached(token, payload)
  local digest, ttl = string.match(token, CACHE_ENTRY)
  if digest then call('SET', cached_key(digest), payload, 'PX', ttl) end
end

-- Appends the label of an item, which ends its token, to arguments of HSET.
local function add_label(labels, task, token)
  local at = string.find(token, ',=', 1, true)
  if not at then return end
  labels[#labels + 1] = task .. '='
  labels[#labels + 1] = string.sub(token, at + 2)
end

-- Notes what a token has behind its code: caches a result, and adds a label. Returns ITEMS.
local function note_more(task, asked, token, payload, labels)
  if asked == 'S' then keep_cached(token, payload) end
  add_label(labels, task, token)
  return string.match(token, ITEMS)
end

-- A task that ended, as the scheduler is told: with the number of elements that it returned, or ! if
-- what it returned cannot be mapped.
local function with_length(task, items) return items and task .. '=' .. (string.match(items, '^%d+') or '!') or task end
