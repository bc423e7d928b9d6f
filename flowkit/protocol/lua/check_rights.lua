-- check_rights: whether the user who calls may write the keys that only its role writes.
-- USES   base
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2… keys, without the prefix
-- REPLY  OK (what is not allowed is an error of Redis' own)
-- KEEPS  nothing is changed: no key is set that is there, and none is deleted.

for i = 2, #ARGV do
  local key = P .. ARGV[i]
  if call('EXISTS', key) == 1 then call('SET', key, '', 'NX') else call('DEL', key) end
end
return {'OK'}
