-- expire_state: deletes the expired entries of a state store and returns their names.
-- USES   base
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 store   3 limit
-- REPLY  OK <entries>
-- KEEPS  every entry with a value is listed.

local index = state_key(ARGV[2])
local reply = {'OK'}
local now = string.format('%d', now_ms())
for _, entry in ipairs(call('ZRANGEBYSCORE', index, 1, now, 'LIMIT', 0, ARGV[3])) do
  call('DEL', entry_key(ARGV[2], entry))
  call('ZREM', index, entry)
  reply[#reply + 1] = entry
end
return reply
