-- register_app: records which functions an app has, for workers that look for one, and its version.
-- USES   base border guarded functions
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 app   3 version of its code, '' if it is unknown
--        4 lease of its worker (ms)   5… ids of its functions
-- REPLY  OK
-- KEEPS  an app is the digest of its functions, also with its version, so what is recorded of it
--        never changes.

if ARGV[3] ~= '' then call('SET', app_version_key(ARGV[2]), ARGV[3], 'PX', APP_TTL_MS) end
if #ARGV >= 5 then
  note('SADD', app_key(ARGV[2]), unpack(args_from({}, 5, #ARGV)))
  call('PEXPIRE', app_key(ARGV[2]), APP_TTL_MS)
end
keep_app(ARGV[2], ARGV[4]) -- the next heartbeat may be seconds away
return {'OK'}
