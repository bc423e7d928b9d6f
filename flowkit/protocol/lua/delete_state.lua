-- delete_state: deletes entries of a state store.
-- USES   base
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 store   3… entries, at most 1,000
-- REPLY  OK <how many had a value>
-- KEEPS  an entry that has a value is listed.

local dropped = 0
for i = 3, #ARGV do
  dropped = dropped + call('DEL', entry_key(ARGV[2], ARGV[i]))
  call('ZREM', state_key(ARGV[2]), ARGV[i])
end
return {'OK', dropped}
