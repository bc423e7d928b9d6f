-- outcome_codes: what an outcome's code means for the record that it becomes.

-- Returns the code that is recorded: in a run that is stopping only what goes on is retried.
local function settled(code, stop, rest)
  if code == 'W' and at_most_once(rest) then return 'F' end
  if code == 'W' or code == 'D' then
    return stopped(stop, string.match(rest, '^[^,]*')) and 'F' or 'W'
  end
  if code == 'H' then return 'S' end
  return code
end

-- Marks a result that came from the cache in the first field of the rest of a record.
local function from_cache(rest) return (string.gsub(rest, ',', '~,', 1)) end

-- Counts a put-off attempt in "deaths[/base][*put off][!]", the part of the record that says
-- which of a task's attempts do not count as failures.
local function put_off(rest)
  local head, count, tail = string.match(rest, '^([%d/]*)%*?(%d*)(.*)$')
  return head .. '*' .. one_more(count) .. tail
end
