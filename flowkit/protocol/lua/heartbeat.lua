-- heartbeat: renews a worker's lease and returns the attempts that it must stop.
-- USES   base border guarded
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 worker   3 lease (ms)
--        4 a description registers the worker; '=' and a description, or '', renews it
--        5… the worker's lanes
-- REPLY  OK <live workers> (<lane> <claims> <"run,task,attempt …" to stop>)* | DEAD
-- KEEPS  a worker that was declared dead never returns under its id.

local worker, about = ARGV[2], ARGV[4]
if about == '' or string.sub(about, 1, 1) == '=' then
  if not call('ZSCORE', P .. 'workers', worker) then return {'DEAD'} end
  about = string.sub(about, 2)
end
if about ~= '' then call('HSET', worker_key(worker), 'about', about) end
call('ZADD', P .. 'workers', string.format('%d', now_ms() + ARGV[3]), worker)
local lanes = table.concat(args_from({}, 5, #ARGV), ' ')
if call('HGET', worker_key(worker), 'lanes') ~= lanes then
  call('HSET', worker_key(worker), 'lanes', lanes)
end

local reply = {'OK', call('ZCARD', P .. 'workers')}
for i = 5, #ARGV do
  local lane = ARGV[i]
  call('HSETNX', claims_key(lane), '#', '0')
  local n = #reply
  reply[n + 1], reply[n + 2] = lane, call('HLEN', claims_key(lane)) - 1
  local stops = redis.pcall('SRANDMEMBER', stops_key(lane), 1000)
  reply[n + 3] = stops.err and '' or table.concat(stops, ' ')
end
return reply
