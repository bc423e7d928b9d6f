-- heartbeat: renews a worker's lease and returns the attempts that it must stop.
-- USES   base border guarded functions
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 worker   3 lease (ms)
--        4 a description registers the worker; '=' and a description, or '', renews it
--        5 the apps of its children, separated by blanks, '' while unknown   6… its lanes
-- REPLY  OK <live workers> <1 if the functions of these are known> (<lane> <claims> <"run,task,attempt …" to stop>)* | DEAD
-- KEEPS  a worker that was declared dead never returns under its id.

local worker, about = ARGV[2], ARGV[4]
if about == '' or string.sub(about, 1, 1) == '=' then
  if not call('ZSCORE', P .. 'workers', worker) then return {'DEAD'} end
  about = string.sub(about, 2)
end
if about ~= '' then call('HSET', worker_key(worker), 'about', about) end
call('ZADD', P .. 'workers', string.format('%d', now_ms() + ARGV[3]), worker)
local lanes = table.concat(args_from({}, 6, #ARGV), ' ')
if call('HGET', worker_key(worker), 'lanes') ~= lanes then
  call('HSET', worker_key(worker), 'lanes', lanes)
end

local reply = {'OK', call('ZCARD', P .. 'workers'), 1}
if ARGV[5] ~= '' then try('ZREMRANGEBYSCORE', app_key(''), '-inf', '(' .. string.format('%d', now_ms())) end
for app in string.gmatch(ARGV[5], '%x+') do
  keep_app(app, ARGV[3])
  if size_of('SCARD', app_key(app)) == 0 then reply[3] = 0 end
  try('PEXPIRE', app_key(app), APP_TTL_MS)
  try('PEXPIRE', app_version_key(app), APP_TTL_MS)
end
for i = 6, #ARGV do
  local lane = ARGV[i]
  call('HSETNX', claims_key(lane), '#', '0')
  local n = #reply
  reply[n + 1], reply[n + 2] = lane, call('HLEN', claims_key(lane)) - 1
  local stops = redis.pcall('SRANDMEMBER', stops_key(lane), 1000)
  reply[n + 3] = stops.err and '' or table.concat(stops, ' ')
end
return reply
