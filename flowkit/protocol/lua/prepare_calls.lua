-- prepare_calls: stores the graphs of runs that a task is about to call, and says how deep it is.
-- USES   base border guarded
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 run of the task   3 ms that an unused graph is kept
--        4… digest of a graph, graph ('' if it should already be stored)
-- REPLY  OK <depth of the run> <digests of the graphs that are missing>
-- KEEPS  a stored graph is not changed; its TTL only grows. Redis itself returns an error if the
--        caller may not submit runs.

local missing = {}
for i = 4, #ARGV, 2 do
  local key = graph_key(ARGV[i])
  if ARGV[i + 1] ~= '' then call('SET', key, ARGV[i + 1], 'NX', 'PX', ARGV[3]) end
  local left = call('PTTL', key)
  if left == -2 then missing[#missing + 1] = ARGV[i] end
  if left >= 0 and left < tonumber(ARGV[3]) then call('PEXPIRE', key, ARGV[3]) end
end
-- They change nothing, but without the right, `complete` would stop in the middle of its work.
call('ZREM', P .. 'runs', '')
call('SREM', P .. 'active', '')
call('HDEL', P .. 'graphs', '')
call('PERSIST', children_key(''))
try('SREM', P .. 'parents', '')
return {'OK', read_time(field_of(run_key(ARGV[2]), 'depth')) or 0, table.concat(missing, ' ')}
