-- append_logs: stores lines that attempts of one run have printed, and drops the oldest above a bound.
-- USES   base border guarded logs
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 run   3 lane   4 call number   5 most bytes that the run keeps
--        6 number of ids to delete
--        then these ids, each as "id,bytes", then for each chunk of lines: task, attempt,
--        "first,count" (the number of its first line, and of its lines), its lines
-- REPLY  OK <id, '-' for a chunk that was refused>× | UNKNOWN
-- KEEPS  a chunk is of an attempt that this lane holds or held last, or of an earlier one of its
--        task. The logs of a run that is over have its TTL. `logs` in the run's hash counts their
--        bytes, and exists if they may exist. A call that is repeated stores nothing again: the hash
--        names the last one, and what it answered.

local run, lane, most = ARGV[2], ARGV[3], tonumber(ARGV[5])
local meta = is_run(run) and fields_of(run_key(run), 'state', 'logs', 'logged')
if not meta or not meta[1] then return {'UNKNOWN'} end
local this_call = lane .. ',' .. ARGV[4] .. ' '
local before = answered_before(meta[3], this_call)
if before then return before end

local bytes, first = read_time(meta[2]) or 0, 7 + tonumber(ARGV[6])
for i = 7, first - 1 do
  local id, size = string.match(ARGV[i], '^(%d+%-%d+),(%d+)$')
  if id and try('XDEL', logs_key(run), id) == 1 then bytes = bytes - size end
end
local tasks = {tasks_key(run)}
local reply = {'OK'}
for i = first, #ARGV, 4 do tasks[#tasks + 1] = ARGV[i] end
local records = #tasks > 1 and fields_of(unpack(tasks)) or {}
for i = first, #ARGV, 4 do
  local id = '-'
  if belongs(records[#reply], ARGV[i + 1], lane) then
    local about = ARGV[i] .. ',' .. ARGV[i + 1] .. ',' .. lane .. ',' .. ARGV[i + 2]
    id = note('XADD', logs_key(run), '*', 't', about, 'd', ARGV[i + 3])
    if type(id) ~= 'table' then bytes = bytes + #ARGV[i + 3]
    elseif string.find(id.err, '^ERR') then id = '-' -- the stream has the last id that there is
    else return id end -- no memory, for example
  end
  reply[#reply + 1] = id
end
bytes = drop_oldest(run, bytes, most)
call('HSET', run_key(run), 'logs', string.format('%d', math.max(0, bytes)),
     'logged', this_call .. table.concat(reply, ' ', 2))
if meta[1] ~= 'running' then
  local left = call('PTTL', run_key(run))
  if left > 0 then call('PEXPIRE', logs_key(run), left) end
end
return reply
