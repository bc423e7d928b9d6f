-- quarantine_event: keeps events that the scheduler could not read, for inspection.
-- USES   base fence
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4… events, as text, oldest first, at most 100
-- REPLY  OK | FENCED
-- KEEPS  the newest hundred are kept, each once; flowkit never reads them.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local key = P .. 'quarantine'
for i = 4, #ARGV do
  if not call('LPOS', key, ARGV[i]) then call('LPUSH', key, ARGV[i]) end
end
call('LTRIM', key, 0, 99)
return {'OK'}
