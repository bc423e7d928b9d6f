-- release: gives back attempts that a lane has not started; they keep their attempt number.
-- USES   base border since spent guarded wake ready dead history give_back
-- RARE   remember note_dead
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 lane   3 '' if none of them has started, else the error of those that
--        may have started and are at most once   4… "run,task", or "run,task@id" for the workers
--        whose app has that function
-- REPLY  OK <released>
-- KEEPS  only attempts that their record says this lane is running are given back. In a run that
--        is stopping they are cancelled instead, since no worker will claim them. At-most-once
--        tasks that may have started fail.

local FEW = 8 -- attempts of one run that are given back before those of other runs
local lane, released, counts = ARGV[2], 0, {}
for i = 4, #ARGV do
  local run = string.match(ARGV[i], '^[^,]*')
  counts[run] = (counts[run] or 0) + 1
end
for i = 4, #ARGV do
  local key, id = string.match(ARGV[i], '^(.*)@(%x+)$')
  key = key or ARGV[i]
  local run, task = read_key(key)
  local claim = call('HGET', claims_key(lane), key)
  local attempt, spent, started, queued = running_on(lane, run, task)
  if claim and attempt then
    local meta = fields_of(run_key(run), 'submitted', 'stop') or {}
    if at_most_once(spent) and ARGV[3] ~= '' then
      end_attempt(run, task, 'F', attempt, lane, spent, started, queued, meta[1])
      try('HSET', errors_key(run), task, ARGV[3])
    elseif stopped(meta[2], spent) then
      -- A lane in the record of an at-most-once task says that it may have started.
      local where = at_most_once(spent) and '' or lane
      end_attempt(run, task, 'C', attempt, where, spent, started, queued, meta[1])
      call('SREM', stops_key(lane), run .. ',' .. task .. ',' .. attempt)
    else
      if ARGV[3] ~= '' then
        local record = ended_record('R', attempt, lane, spent, started, queued, meta[1])
        remember(run, 'released', task .. ' ' .. record)
      end
      queue_again(run, task, attempt, spent, meta[1], claim, id, counts[run] > FEW)
    end
    released = released + 1
  end
  call('HDEL', claims_key(lane), key)
end
return {'OK', released}
