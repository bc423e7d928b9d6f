-- retire: forgets a worker that is gone, once its lanes hold nothing.
-- USES   base
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 worker   3… its lanes
-- REPLY  OK | HOLDS <lane>
-- KEEPS  a worker that still holds claims stays known, so that they are reaped.

for i = 3, #ARGV do
  if call('HLEN', claims_key(ARGV[i])) > 1 then return {'HOLDS', ARGV[i]} end
end
for i = 3, #ARGV do call('DEL', claims_key(ARGV[i]), stops_key(ARGV[i])) end
call('ZREM', P .. 'workers', ARGV[2])
call('DEL', worker_key(ARGV[2]))
return {'OK'}
