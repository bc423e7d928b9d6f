-- set_aside: keeps an event that the scheduler could not read, for people to look at.
-- USES   base fence
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 event, as text
-- REPLY  OK | FENCED
-- KEEPS  the newest hundred are kept, each once; nothing in flowkit reads them.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local key = P .. 'quarantine'
if not call('LPOS', key, ARGV[4]) then
  call('LPUSH', key, ARGV[4])
  call('LTRIM', key, 0, 99)
end
return {'OK'}
