-- name_event: returns the id of an event without its text, for an event too large to read.
-- USES   base
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 cursor: the event after it is named; '' names the newest event
-- REPLY  OK <event id> | NONE
-- KEEPS  nothing is written, and only the id of the event leaves Redis.

local events
if ARGV[2] == '' then
  events = call('XREVRANGE', P .. 'events', '+', '-', 'COUNT', 1)
else
  events = call('XRANGE', P .. 'events', '(' .. ARGV[2], '+', 'COUNT', 1)
end
if not events[1] then return {'NONE'} end
return {'OK', events[1][1]}
