-- outcome_codes: reads outcomes, and turns the code of one into the state code of its record.
-- An outcome is a text, its token: flowkit/protocol/outcomes.py has its grammar.

-- Patterns for: the attempt and the code; the delay, ready list and level of an attempt that another
-- one will replace; the cache entry of a success and its TTL.
local OUTCOME = '^%d+,(%d+),(%u)'
local RETRY = '^%d+,%d+,[WDA],(%d+),([^,]*),(.)$'
local CACHE_ENTRY = '^%d+,%d+,S,(%x+),(%d+)$'

-- Returns the state code to record: in a stopping run, only tasks that continue start again.
local function settled(code, stop, spent)
  if code == 'W' and at_most_once(spent) then return 'F' end
  if code == 'W' or code == 'D' then return stopped(stop, spent) and 'F' or 'W' end
  if code == 'A' then return stopped(stop, spent) and 'C' or at_most_once(spent) and 'F' or 'W' end
  if code == 'H' then return 'S' end
  return code
end

-- Caches a result for tasks with the same code and arguments, if its token has an entry and a TTL.
local function keep_cached(token, payload)
  local digest, ttl = string.match(token, CACHE_ENTRY)
  if digest then call('SET', cached_key(digest), payload, 'PX', ttl) end
end
