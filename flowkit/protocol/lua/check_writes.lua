-- check_writes: checks that the server takes writes, as of a user that may write runs.
-- USES   base
-- KEYS   1 prefix
-- ARGV   1 now (ms)
-- REPLY  OK (Redis itself returns an error if it is full or read-only, or for a missing permission)
-- KEEPS  nothing changes. SET is refused by a full server, even if it would write nothing.

local key = run_key('')
call('SET', key, '', call('EXISTS', key) == 1 and 'NX' or 'XX')
return {'OK'}
