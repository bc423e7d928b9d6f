-- set_state: stores an entry of a state store, replacing the previous one.
-- USES   base
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 store   3 entry   4 value   5 metadata   6 ttl (ms), '' for none
-- REPLY  OK
-- KEEPS  every entry with a value is listed under the time when it expires, 0 for never.

local index, key = state_key(ARGV[2]), entry_key(ARGV[2], ARGV[3])
local now, ttl = now_ms(), tonumber(ARGV[6])
local expires = 0
call('DEL', key)
if ttl and ttl <= 0 then
  expires = now
else
  call('HSET', key, 'value', ARGV[4], 'metadata', ARGV[5], 'set', string.format('%d', now))
  if ttl then
    expires = now + ttl
    call('PEXPIRE', key, string.format('%d', ttl))
  end
end
call('ZADD', index, string.format('%d', expires), ARGV[3])

-- Without this, the list of a cache whose keys keep changing would grow with expired entries.
if call('ZCARD', index) > 1000 then
  for _, entry in ipairs(call('ZRANGEBYSCORE', index, 1, string.format('%d', now), 'LIMIT', 0, 10)) do
    call('ZREM', index, entry)
    call('DEL', entry_key(ARGV[2], entry))
  end
end
return {'OK'}
