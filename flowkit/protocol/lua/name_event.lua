-- name_event: names an event without its text: for a scheduler that cannot read it whole.
-- USES   base
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 cursor, to name the event behind it; '' for the newest event
-- REPLY  OK <event id> | NONE
-- KEEPS  nothing is written, and nothing of an event but its id leaves Redis.

local found
if ARGV[2] == '' then
  found = call('XREVRANGE', P .. 'events', '+', '-', 'COUNT', 1)
else
  found = call('XRANGE', P .. 'events', '(' .. ARGV[2], '+', 'COUNT', 1)
end
if not found[1] then return {'NONE'} end
return {'OK', found[1][1]}
