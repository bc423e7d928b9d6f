-- spent: reads and changes the field `spent` of a record: the attempts of a task that do not count
-- as failures, and its flags. flowkit/protocol/spent.py has its grammar.

local function is_suspect(spent) return string.find(spent, '!', 1, true) ~= nil end
local function was_lost(spent) return string.find(spent, '?', 1, true) ~= nil end
local function continues(spent) return string.find(spent, '+', 1, true) ~= nil end
local function at_most_once(spent) return string.find(spent, '=', 1, true) ~= nil end

-- Whether a task stops; `stop` is why its run is stopping, false if it is not. After a failure,
-- some tasks continue; after a cancel, none does.
local function stopped(stop, spent)
  return stop and (stop == 'cancelled' or not continues(spent))
end

-- One more than a count, as text. A damaged count starts from 0.
local function one_more(count)
  return string.format('%d', (#count <= 9 and tonumber(count) or 0) + 1)
end

local UNSPENT = '0'

-- Of a task that had attempts before its run was resumed.
local function spent_before(attempt) return '0/' .. attempt end

-- With one more death, and the number of deaths.
local function with_death(spent)
  local deaths, more = string.match(spent, '^(%d*)(.*)$')
  deaths = one_more(deaths)
  return deaths .. more, tonumber(deaths)
end

-- With one more attempt that spends no retry: it was lost, and the cause is unknown.
local function uncounted(spent)
  local deaths, base, more = string.match(spent, '^(%d*)/?(%d*)(.*)$')
  return deaths .. '/' .. one_more(base) .. more
end

-- With one more postponed attempt.
local function with_put_off(spent)
  local head, count, more = string.match(spent, '^([%d/]*)%*?(%d*)(.*)$')
  return head .. '*' .. one_more(count) .. more
end

local function with_suspicion(spent) return spent .. '!' end
local function with_loss(spent) return spent .. '?' end
local function with_calls(spent) return spent .. '&' end
local function without_calls(spent) return (string.gsub(spent, '&', '')) end
-- The flags that say how a task runs, not what has happened to it.
local function lasting_flags(spent) return (string.gsub(spent, '[^+=]', '')) end
-- Whether a task waits for runs that it has called; only their ends wake it.
local function waits_for_runs(record) return string.find(record, ',children,', 1, true) ~= nil end
local function from_cache(spent) return spent .. '~' end

-- Of a task that comes again after this attempt. Nothing before counts as a failure.
local function with_comeback(spent, attempt)
  local flags = string.match(spent, '^[%d/*]*(.*)$')
  if not string.find(flags, '^', 1, true) then flags = flags .. '^' end
  return spent_before(attempt) .. flags
end
