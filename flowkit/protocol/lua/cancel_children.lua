-- cancel_children: requests that runs which tasks of a run have called stop, since these are to end.
-- USES   base border spent guarded fence history
-- RARE   remember
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 run   5 who cancels them   6… called runs, at most 500
-- REPLY  OK <runs that were cancelled> | FENCED
-- KEEPS  nothing is changed while the run is running, unless the task that has called is to stop: the
--        run may have been resumed meanwhile. Only what tasks of this run have called is cancelled.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local run, cancelled = ARGV[4], 0
local meta = fields_of(run_key(run), 'state', 'stop') or {}
local function ends(task)
  local _, _, _, spent = read_record(field_of(tasks_key(run), task))
  return meta[1] ~= 'running' or stopped(meta[2], spent or '')
end
for i = 6, #ARGV do
  local child = is_run(ARGV[i]) and fields_of(run_key(ARGV[i]), 'state', 'stop', 'parent') or {}
  local above, task = string.match(child[3] or '', '^([^,]*),(%d+),')
  if child[1] == 'running' and child[2] ~= 'cancelled' and above == run and ends(task) then
    call('HSET', run_key(ARGV[i]), 'stop', 'cancelled')
    remember(ARGV[i], 'cancel', ARGV[5])
    call('XADD', P .. 'events', '*', 'cancel', ARGV[i])
    cancelled = cancelled + 1
  end
end
return {'OK', cancelled}
