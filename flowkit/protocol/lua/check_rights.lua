-- check_rights: checks that the calling user may write these keys, and that the server takes writes.
-- USES   base
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2… keys, without the prefix
-- REPLY  OK (Redis itself returns an error for a missing permission)
-- KEEPS  nothing changes: an existing key is not written, and no key is created. A server that is
--        full refuses the call as it would refuse any write.

for i = 2, #ARGV do
  local key = P .. ARGV[i]
  call('SET', key, '', call('EXISTS', key) == 1 and 'NX' or 'XX')
end
return {'OK'}
