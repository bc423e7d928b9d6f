-- register_app: records which functions an app has, for workers that look for one, and its version.
-- USES   base border guarded
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 app   3 version of its code, '' if it is unknown
--        4 lease of its worker (ms)   5… ids of its functions
-- REPLY  OK
-- KEEPS  an app is the digest of its functions, also with its version, so what is recorded of it
--        never changes.

local A_DAY_MS = 86400000
if ARGV[3] ~= '' then call('SET', app_version_key(ARGV[2]), ARGV[3], 'PX', A_DAY_MS) end
if #ARGV >= 5 then
  note('SADD', app_key(ARGV[2]), unpack(args_from({}, 5, #ARGV)))
  call('PEXPIRE', app_key(ARGV[2]), A_DAY_MS)
end
-- Its lanes claim from now on, and wait for tokens. The next heartbeat may be seconds away.
note('ZADD', app_key(''), 'GT', string.format('%d', now_ms() + ARGV[4]), ARGV[2])
return {'OK'}
