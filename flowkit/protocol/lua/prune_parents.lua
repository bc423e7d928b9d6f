-- prune_parents: removes entries of `parents` of tasks that do not wait for runs.
-- USES   base border since spent guarded wake ready fence children waking
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4… entries, at most 1,000
-- REPLY  OK <dropped> | FENCED
-- KEEPS  a task of a running run that waits for runs which it has called stays listed.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local dropped = 0
for i = 4, #ARGV do
  local run, task = read_key(ARGV[i])
  local _, attempt = read_record(run and field_of(tasks_key(run), task))
  local waits = attempt and waiting_for_calls(run, task, attempt) and field_of(run_key(run), 'state') == 'running'
  if not waits then dropped = dropped + call('SREM', P .. 'parents', ARGV[i]) end
end
return {'OK', dropped}
