-- take_run: claims popped attempts of one run for a lane, and pops those of the ready lists.
-- A claim writes the record (state R, the lane) and the claims hash of the lane in the same step,
-- so it is always known what a dead lane held. `claimer` describes the lane; see take_once.

local MAX_QUEUED_RECORD = 200 -- bytes; it takes up the lane and the start, and more when it ends
local POP_BOUND = 1000 -- entries and turns that one claim looks at

-- Marks the popped attempts of one run that are still valid as running; returns how many. Returns
-- nil if nothing of this run can be claimed any more.
local function take_run(claimer, run, entries, reply)
  if not is_run(run) then return nil end
  local lane, worker = claimer.lane, claimer.worker
  local meta = fields_of(run_key(run), 'state', 'stop', 'submitted', 'graph', 'params', 'resumes', worker)
  if not meta or meta[1] ~= 'running' then return nil end
  if not (meta[4] and is_digest(meta[4]) and read_time(meta[3])) then return nil end
  local fields = {tasks_key(run)}
  for i = 1, #entries do fields[i + 1] = entries[i].task end
  local records = fields_of(unpack(fields))
  if not records then return nil end
  local writes, taken = {'HSET', tasks_key(run)}, {}
  local claims = {'HSET', claims_key(lane), '#', claimer.call_no}
  local started = string.format('%d', now_ms() - meta[3])
  for i, entry in ipairs(entries) do
    local record = records[i] or ''
    local attempt, spent, queued = string.match(record, '^Q(%d+),,(' .. WORD .. '),,(,?%x*)')
    if attempt == entry.attempt and #record <= MAX_QUEUED_RECORD and not stopped(meta[2], spent) then
      writes[#writes + 1] = entry.task
      writes[#writes + 1] = 'R' .. attempt .. ',' .. lane .. ',' .. spent .. ',' .. started .. ',' .. queued
      claims[#claims + 1] = run .. ',' .. entry.task
      claims[#claims + 1] = attempt .. ',' .. claimer.call_no .. ',' .. entry.list .. ',' .. entry.level
      taken[#taken + 1] = entry.task .. ',' .. attempt .. ',' .. spent
    end
  end
  if #taken == 0 then return 0 end
  call(unpack(writes))
  call(unpack(claims))
  claimer.is_numbered = true
  if claimer.app ~= '' and string.sub(meta[7] or '', 1, #claimer.app) ~= claimer.app then
    note_version(claimer, run, worker, meta[7])
  end
  describe(run, meta[4], life_of(meta[3], meta[6]), meta[5], taken, reply)
  return #taken
end

local function pop(key, count)
  local popped = try('LPOP', key, count)
  return popped and not popped.err and popped or {}
end

-- Takes up to `most` attempts from the ready list of a level, which has `waiting` entries; returns
-- how many, and how many entries are left.
local function take_ready(claimer, list, level, most, waiting, reply)
  local key, taken = ready_key(list, level), 0
  while taken < most and waiting > 0 and claimer.popped < POP_BOUND do
    local entries = pop(key, most - taken)
    claimer.popped = claimer.popped + #entries
    waiting = #entries == 0 and 0 or waiting - #entries
    local order, groups = {}, {}
    by_run(entries, list, level, order, groups)
    for _, run in ipairs(order) do
      taken = taken + (take_run(claimer, run, groups[run], reply) or 0)
    end
  end
  return taken, waiting
end
