-- border: what is read from Redis goes through these, since any of its users may have written it.
-- Each returns nil for what no release of flowkit writes. The limits are those of
-- flowkit/protocol/limits.py.

local WORD = '[!-+%-.-~]*' -- printable but for commas and blanks, which separate parts
local RECORD = '^(%u)(%d+),(' .. WORD .. '),(' .. WORD .. '),(%-?%d*),(%-?%d*)'
local MAX_RECORD = 400

local function is_run(run)
  if #run > 128 or not string.find(run, '^[%w_.:%-]+$') then return false end
  if not string.find(run, ':', 1, true) then return true end
  -- No id makes the key of one run that of another one's tasks.
  local ending = string.match(run, ':(%l+)$')
  return not ending or not string.find(',tasks,results,errors,feed,', ',' .. ending .. ',', 1, true)
end
-- The name of a ready list is a queue's, with "~async" behind it for the async lanes.
local function is_list(list)
  local queue = string.match(list, '^(.*)~async$') or list
  return #queue <= 64 and string.find(queue, '^[%w_.%-]+$') ~= nil
end

local digests = {} -- what a batch asks of one graph again and again
local function is_digest(digest)
  if digests[digest] == nil then
    digests[digest] = #digest == 64 and string.find(digest, '^[%da-f]+$') ~= nil
  end
  return digests[digest]
end

-- Whether digits are a number as flowkit writes it: one number has one form.
local function is_number(digits, most) return #digits <= most and not string.find(digits, '^0.') end

-- A time or a duration in ms, as a number.
local function read_time(text)
  if text and #text <= 15 and string.find(text, '^%d+$') then return tonumber(text) end
end

-- A count of what a task has spent and one more, as text. A damaged count starts from 0.
local function one_more(count)
  return string.format('%d', (#count <= 9 and tonumber(count) or 0) + 1)
end

-- The parts of a record: state, attempt, lane, spent, started, ended.
local function read_record(record)
  if type(record) ~= 'string' or #record > MAX_RECORD then return nil end
  local state, attempt, lane, spent, started, ended = string.match(record, RECORD)
  if state and is_number(attempt, 9) and #lane <= 80 and #spent <= 64 and #started <= 15 and #ended <= 15
  then
    return state, attempt, lane, spent, started, ended
  end
end

-- The parts of "run,task": what names a claim.
local function read_key(key)
  local run, task = string.match(key, '^([^,]*),(%d+)$')
  if run and is_run(run) and is_number(task, 7) then return run, task end
end

-- The parts of "run,task,attempt": an entry of a ready list. The run is checked where it is read.
local function read_entry(entry)
  local run, task, attempt = string.match(entry, '^([^,]*),(%d+),(%d+)$')
  if run and is_number(task, 7) and is_number(attempt, 9) then return run, task, attempt end
end

-- What stands before ",list,level" in a claim or an entry of `delayed`, the ready list, the level.
local function read_place(text)
  local head, list, level = string.match(text, '^(.*),([^,]*),([!%d])$')
  if list and is_list(list) then return head, list, level end
end

-- The levels of a ready list, first to claim first.
local function read_levels(text)
  local levels = string.sub(text or '', 1, 11)
  return string.find(levels, '[^!%d]') and string.gsub(levels, '[^!%d]', '') or levels
end
