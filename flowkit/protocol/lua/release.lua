-- release: a lane gives back attempts that it has not started; they keep their attempt number.
-- USES   base ready give_back
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 lane   3… "run,task"
-- REPLY  OK <released>
-- KEEPS  only what the record says this lane is running goes back; in a run that is stopping it
--        ends as cancelled instead, since nobody will claim it any more.

local lane, released = ARGV[2], 0
for i = 3, #ARGV do
  local run, task = string.match(ARGV[i], '^([^,]*),(%d+)$')
  local claim = call('HGET', claims_key(lane), ARGV[i])
  local attempt, deaths, started = running_on(lane, run, task)
  if claim and attempt then
    local meta = call('HMGET', run_key(run), 'submitted', 'stop')
    if stopped(meta[2], deaths) then
      end_attempt(run, task, 'C', attempt, lane, deaths, started, meta[1])
      call('SREM', stops_key(lane), run .. ',' .. task .. ',' .. attempt)
    else
      queue_again(run, task, attempt, deaths, claim)
    end
    released = released + 1
  end
  call('HDEL', claims_key(lane), ARGV[i])
end
return {'OK', released}
