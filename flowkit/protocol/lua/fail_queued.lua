-- fail_queued: ends queued tasks as failed, which no live worker can run.
-- USES   base border since spent guarded wake ready fence dead give_back
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 run   5 error   6… tasks
-- REPLY  OK <failed> | FENCED
-- KEEPS  a task that a worker has claimed meanwhile is left to it. The entries of the others are
--        dropped by the claims that pop them.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local run, failed = ARGV[4], 0
local meta = fields_of(run_key(run), 'state', 'submitted') or {}
if meta[1] ~= 'running' then return {'OK', 0} end
for i = 6, #ARGV do
  local state, attempt, _, spent, _, _, queued = read_record(field_of(tasks_key(run), ARGV[i]))
  if state == 'Q' then
    end_attempt(run, ARGV[i], 'F', attempt, '', spent, '', queued, meta[2])
    try('HSET', errors_key(run), ARGV[i], ARGV[5])
    failed = failed + 1
  end
end
return {'OK', failed}
