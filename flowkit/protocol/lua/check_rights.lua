-- check_rights: checks that the calling user may write the keys that only its role writes.
-- USES   base
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2… keys, without the prefix
-- REPLY  OK (Redis itself returns an error for a missing permission)
-- KEEPS  nothing changes: no existing key is written or deleted.

for i = 2, #ARGV do
  local key = P .. ARGV[i]
  if call('EXISTS', key) == 1 then call('SET', key, '', 'NX') else call('DEL', key) end
end
return {'OK'}
