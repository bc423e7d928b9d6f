-- delete_state: deletes entries of a state store.
-- USES   base
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 store   3… entries, at most 1,000
-- REPLY  OK <number of entries that had a value>
-- KEEPS  every entry with a value is listed.

local deleted = 0
for i = 3, #ARGV do
  deleted = deleted + call('DEL', entry_key(ARGV[2], ARGV[i]))
  call('ZREM', state_key(ARGV[2]), ARGV[i])
end
return {'OK', deleted}
