-- end_tasks: ends tasks that do not run: pending ones, and with C also queued and waiting ones.
-- USES   base border spent guarded fence
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 run   5 code (one of C, K, U)
--        6 '1' to tell workers to stop running attempts   7… tasks, at most 1,000
-- REPLY  OK <"task …" that are over> <"task …" that still run> <"task …" that wait for runs which
--        they have called> | FENCED
-- KEEPS  only a worker ends a running task: its outcome alone counts. A task that waits for runs
--        ends with them.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local PENDING = 'P0,,' .. UNSPENT .. ',,'
local run, code = ARGV[4], ARGV[5]
local meta = fields_of(run_key(run), 'state', 'submitted') or {}
if meta[1] ~= 'running' or #ARGV < 7 then return {'OK', '', '', ''} end
local ended = string.format('%d', now_ms() - (read_time(meta[2]) or now_ms()))
local records = fields_of(unpack(args_from({tasks_key(run)}, 7, #ARGV)))
-- If the records cannot be read or written, all tasks count as over, or the run would never end.
if not records then return {'OK', table.concat(ARGV, ' ', 7), '', ''} end
local writes, over, running, calling = {'HSET', tasks_key(run)}, {}, {}, {}
for i = 7, #ARGV do
  local task, record = ARGV[i], records[i - 6] or PENDING
  local state, attempt, lane, spent = read_record(record)
  if state == 'R' then
    running[#running + 1] = task
    if ARGV[6] == '1' then try('SADD', stops_key(lane), run .. ',' .. task .. ',' .. attempt) end
  elseif state == 'W' and code == 'C' and waits_for_runs(record) then
    calling[#calling + 1] = task
  elseif not state or state == 'P' or (code == 'C' and (state == 'Q' or state == 'W')) then
    writes[#writes + 1] = task
    writes[#writes + 1] = code .. (attempt or '0') .. ',,' .. (spent or UNSPENT) .. ',,' .. ended
    over[#over + 1] = task
  elseif state == code then
    over[#over + 1] = task
  end
end
if #writes > 2 then call(unpack(writes)) end
return {'OK', table.concat(over, ' '), table.concat(running, ' '), table.concat(calling, ' ')}
