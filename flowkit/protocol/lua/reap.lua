-- reap: takes back the attempts that a dead lane held.
-- USES   base border since spent guarded wake ready fence dead history give_back versions
-- RARE   remember note_dead note_ran
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 lane   3 reporter: '' for the lane's own parent, else scheduler id
--        4 term   5 most deaths of a task   6 error of a task that died too often
--        7 '?' if it is unknown what was executing, '-' if no task is to blame, the "run,task" to
--        blame if it is one of several, else ''   8 error of an at-most-once task
--        9… "run,task" that was executing, in any lane of the child
-- REPLY  OK (<run> <task> <new state code>)* | FENCED | UNKNOWN | ALIVE
-- KEEPS  one death is blamed on one task: the only one executing, or the only suspect among
--        them. Other tasks that were executing become suspects, and a child executes one suspect
--        at a time, so the next death names its cause. If it is unknown what was executing, a task
--        becomes a suspect the second time only: a lost machine is rarely a task's fault, and a
--        hundred suspects of an hour each would wait for each other. The same applies if a child
--        dies that executed nothing: its tasks have not started and keep their attempt, but they
--        must not be claimed forever. An at-most-once task fails unless it has certainly not
--        started.

local lane, most_deaths, unknown = ARGV[2], tonumber(ARGV[5]), ARGV[7] == '?'
if ARGV[3] ~= '' then
  if not leads(ARGV[3], ARGV[4]) then return {'FENCED'} end
  -- The lease is read again here: the worker may have renewed it since the scheduler looked.
  local lease = call('ZSCORE', P .. 'workers', string.match(lane, '^[^.]*'))
  if lease and tonumber(lease) > now_ms() then return {'ALIVE'} end
end
local held = redis.pcall('HGETALL', claims_key(lane))
if #held == 0 then return {'UNKNOWN'} end

local executing, blamed = {}, ARGV[7] == '-' and 0 or #ARGV - 8
for i = 9, #ARGV do executing[ARGV[i]] = true end
local idle = ARGV[7] == '' and #ARGV == 8
local lone_suspect = (unknown or idle) and #held == 4

local function fate(key, spent, stop)
  if at_most_once(spent) and (unknown or executing[key]) then return 'F', spent, ARGV[8] end
  if stopped(stop, spent) then return 'C', spent end
  local suspect = is_suspect(spent)
  if (executing[key] and blamed == 1) or key == ARGV[7] or (lone_suspect and suspect) then
    local left, deaths = with_death(spent)
    return deaths >= most_deaths and 'F' or 'D', left, ARGV[6]
  elseif (executing[key] and ARGV[7] ~= '-') or (unknown and was_lost(spent)) then
    local left = uncounted(spent)
    return '!', suspect and left or with_suspicion(left)
  elseif unknown then
    return '?', with_loss(uncounted(spent))
  elseif idle and not suspect then
    return 'Q', was_lost(spent) and with_suspicion(spent) or with_loss(spent)
  end
  return 'Q', spent
end

local VERBS = {D = 'died', ['!'] = 'suspect', ['?'] = 'lost'}
local reply = {'OK'}
for i = 1, #held, 2 do
  local run, task = read_key(held[i])
  local attempt, spent, started, queued = running_on(lane, run, task)
  if attempt then
    local meta = fields_of(run_key(run), 'submitted', 'stop') or {}
    local code, left, error = fate(held[i], spent, meta[2])
    if code ~= 'Q' and code ~= 'C' then note_ran(lane, run) end
    if code == 'C' or code == 'F' then
      end_attempt(run, task, code, attempt, lane, left, started, queued, meta[1])
      if error then try('HSET', errors_key(run), task, error) end
    else
      if code ~= 'Q' then
        local record = ended_record('R', attempt, lane, spent, started, queued, meta[1])
        remember(run, VERBS[code], task .. ' ' .. record)
        attempt = string.format('%d', attempt + 1)
      end
      queue_again(run, task, attempt, left, meta[1], held[i + 1])
    end
    local n = #reply
    reply[n + 1], reply[n + 2], reply[n + 3] = run, task, code
  end
end
call('DEL', claims_key(lane), stops_key(lane))
return reply
