-- schema: notes in which format a namespace is written, unless that is known, and says it.
-- USES   base
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 format of the caller   3 '1' if a lower one is raised to it
-- REPLY  OK <format>
-- KEEPS  the number never falls: who reads up to it can read all that stands in the namespace.

local found = call('GET', P .. 'schema')
local known = found and tonumber(found)
if not found or (ARGV[3] == '1' and known and known < tonumber(ARGV[2])) then
  call('SET', P .. 'schema', ARGV[2])
  found = ARGV[2]
end
return {'OK', found}
