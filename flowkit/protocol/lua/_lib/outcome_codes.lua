-- outcome_codes: turns the code of an outcome into the state code and fields of its record.

-- Returns the state code to record: in a stopping run, only tasks that continue are retried.
local function settled(code, stop, rest)
  if code == 'W' and at_most_once(rest) then return 'F' end
  if code == 'W' or code == 'D' then
    return stopped(stop, string.match(rest, '^[^,]*')) and 'F' or 'W'
  end
  if code == 'H' then return 'S' end
  return code
end

-- Marks a result from the cache, in the first field of the rest of a record.
local function from_cache(rest) return (string.gsub(rest, ',', '~,', 1)) end

-- Counts a postponed attempt in "deaths[/base][*put off][!]", the field of the record that says
-- which attempts of a task do not count as failures.
local function put_off(rest)
  local head, count, tail = string.match(rest, '^([%d/]*)%*?(%d*)(.*)$')
  return head .. '*' .. one_more(count) .. tail
end
