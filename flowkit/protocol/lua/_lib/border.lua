-- border: validates values read from Redis, since any of its users may have written them.
-- Each function returns nil for a value that no release of flowkit writes. The limits are those of
-- flowkit/protocol/limits.py.

local WORD = '[!-+%-.-~]*' -- printable except commas and blanks, which separate fields
local RECORD = '^(%u)(%d+),(' .. WORD .. '),(' .. WORD .. '),(%-?%d*),(%-?%d*),?(%x*)'
local RUNNING = '^(' .. WORD .. '),(%-?%d*),[^,]*(,?%x*)'
local MAX_RECORD = 400
local MAX_QUEUED = 12

local function is_run(run)
  if #run > 128 or not string.find(run, '^[%w_.:%-]+$') then return false end
  if not string.find(run, ':', 1, true) then return true end
  -- The key of one run must never equal the tasks key of another.
  local ending = string.match(run, ':(%l+)$')
  return not ending or not string.find(',tasks,results,errors,feed,history,logs,inputs,children,', ',' .. ending .. ',', 1, true)
end
-- A ready list is named after its queue, with the suffix "~async" for async lanes, and then "@" and
-- the id of a function if only some of the workers of the queue have it.
local function is_list(list)
  local base, id = string.match(list, '^(.*)@(%x*)$')
  local queue = string.match(base or list, '^(.*)~async$') or base or list
  if id and #id ~= 16 then return false end
  return #queue <= 64 and string.find(queue, '^[%w_.%-]+$') ~= nil
end

local digests = {} -- a batch checks the same digest many times
local function is_digest(digest)
  if digests[digest] == nil then
    digests[digest] = #digest == 64 and string.find(digest, '^[%da-f]+$') ~= nil
  end
  return digests[digest]
end

-- Whether digits are a number as flowkit writes it: without leading zeros.
local function is_number(digits, most) return #digits <= most and not string.find(digits, '^0.') end

-- A time or a duration in ms, as a number.
local function read_time(text)
  if text and #text <= 15 and string.find(text, '^%d+$') then return tonumber(text) end
end

-- The fields of a record: state code, attempt, lane, spent, started, ended, queued.
local function read_record(record)
  if type(record) ~= 'string' or #record > MAX_RECORD then return nil end
  local state, attempt, lane, spent, started, ended, queued = string.match(record, RECORD)
  if state and is_number(attempt, 9) and #lane <= 80 and #spent <= 64 and #started <= 15 and #ended <= 15
  then
    return state, attempt, lane, spent, started, ended, #queued <= MAX_QUEUED and queued or ''
  end
end

-- The fields spent, started and queued of a running record, whose fence ends before `at`.
local function read_running(record, at)
  if #record <= MAX_RECORD then return string.match(record, RUNNING, at) end
end

-- The parts of "run,task", the name of a claim.
local function read_key(key)
  local run, task = string.match(key, '^([^,]*),(%d+)$')
  if run and is_run(run) and is_number(task, 7) then return run, task end
end

-- The parts of "run,task,attempt", an entry of a ready list. The caller validates the run.
local function read_entry(entry)
  local run, task, attempt = string.match(entry, '^([^,]*),(%d+),(%d+)$')
  if run and is_number(task, 7) and is_number(attempt, 9) then return run, task, attempt end
end

-- The parts of "head,list,level", a claim or an entry of `delayed`.
local function read_place(text)
  local head, list, level = string.match(text, '^(.*),([^,]*),([!%d])$')
  if list and is_list(list) then return head, list, level end
end

-- The levels of a ready list, in the order in which they are claimed.
local function read_levels(text)
  local levels = string.sub(text or '', 1, 11)
  return string.find(levels, '[^!%d]') and string.gsub(levels, '[^!%d]', '') or levels
end
