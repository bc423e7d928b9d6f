-- submit: accepts a run under an id chosen by the client; a second submit changes nothing.
-- USES   base border guarded graph
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 run   3 graph digest   4 graph ('' if it should already be stored)
--        5 DAG name   6 params   7 tasks   8 ttl (ms)
--        9 version of the app that submits it, '' if it is unknown   10 who submits it
--        11 run parameters that the DAG takes, '' if they should already be stored or are unknown
--        12 ms to keep them
-- REPLY  OK | EXISTS <state> | CONFLICT <DAG name> | GRAPH (send the graph too)
-- KEEPS  a run is in `active` and in `events` exactly when its hash says that it is running.

local run, digest, graph = ARGV[2], ARGV[3], ARGV[4]
local known = fields_of(run_key(run), 'graph', 'params', 'state', 'dag')
if not known then return {'CONFLICT', 'of something else'} end
if known[1] then
  if known[1] == digest and (known[2] or '') == ARGV[6] then return {'EXISTS', known[3]} end
  return {'CONFLICT', known[4]}
end
if graph == '' and call('EXISTS', graph_key(digest)) == 0 then return {'GRAPH'} end
hold_graph(digest)
if graph ~= '' then call('SET', graph_key(digest), graph) end
if ARGV[11] ~= '' then try('HSET', takes_key(digest), 'takes', ARGV[11]) end
call('PEXPIRE', takes_key(digest), ARGV[12])

local now = string.format('%d', now_ms())
local head = {'HSET', run_key(run), 'dag', ARGV[5], 'graph', digest, 'state', 'running',
              'submitted', now, 'total', ARGV[7], 'ttl', ARGV[8]}
if ARGV[6] ~= '' then
  head[#head + 1] = 'params'
  head[#head + 1] = ARGV[6]
end
if ARGV[9] ~= '' then
  head[#head + 1] = 'code'
  head[#head + 1] = ARGV[9]
end
if ARGV[10] ~= '' then
  head[#head + 1] = 'by'
  head[#head + 1] = ARGV[10]
end
call(unpack(head))
call('ZADD', P .. 'runs', now, run)
call('SADD', P .. 'active', run)
call('XADD', P .. 'events', '*', 'submit', run .. ' ' .. digest)
return {'OK'}
