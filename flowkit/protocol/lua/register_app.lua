-- register_app: records which functions an app has, for workers that look for one.
-- USES   base border guarded
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 app   3… ids of its functions
-- REPLY  OK
-- KEEPS  an app is the digest of its functions, so what is recorded never changes.

if #ARGV >= 3 then
  call('SADD', unpack(args_from({app_key(ARGV[2])}, 3, #ARGV)))
  call('PEXPIRE', app_key(ARGV[2]), 86400000)
end
return {'OK'}
