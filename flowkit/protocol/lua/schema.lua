-- schema: records the format of a namespace unless it is known, and returns it.
-- USES   base
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 format of the caller   3 '1' to raise a lower one to it
-- REPLY  OK <format>
-- KEEPS  the number never falls, so a release that reads this format can read the namespace.

local stored = call('GET', P .. 'schema')
local known = stored and tonumber(stored)
if not stored or (ARGV[3] == '1' and known and known < tonumber(ARGV[2])) then
  call('SET', P .. 'schema', ARGV[2])
  stored = ARGV[2]
end
return {'OK', stored}
