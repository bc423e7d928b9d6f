-- record: writes the outcomes of one run's attempts.
-- A record is "CODE attempt,lane,spent,started,ended,queued" without the blank. Codes: Q queued,
-- R running, W waiting (`ended` is when it is due), S succeeded, F failed, K skipped, U upstream
-- failed, C cancelled, P pending again after a resume. A task without a record is pending. Times
-- are ms since the run was submitted; `queued` is hexadecimal, and missing in records of older
-- releases. W adds why the task waits, and when its attempt ended; S adds ITEMS if its result is
-- mapped (flowkit/protocol/items.py).

-- Tells the scheduler which tasks ended, in one event for the whole batch.
local function announce(run, ended)
  local event = {'XADD', P .. 'events', '*'}
  for code, tasks in pairs(ended) do
    event[#event + 1] = code
    event[#event + 1] = run .. ' ' .. table.concat(tasks, ' ')
  end
  if #event > 3 then call(unpack(event)) end
end

-- Outcomes are in ARGV from `first`: token, payload, token, payload …
local function record_outcomes(lane, run, first, count, stale)
  local meta = fields_of(run_key(run), 'submitted', 'stop', 'ran') or {}
  local now, stop = now_ms(), meta[2]
  local submitted = read_time(meta[1]) or now
  local tasks, fields, freed = {}, {tasks_key(run)}, {'HDEL', claims_key(lane)}
  for i = 1, count do
    local task = string.match(ARGV[first + 2 * i - 2], '^%d+')
    tasks[i], fields[i + 1] = task, task
  end
  local records = fields_of(unpack(fields)) or {}
  local writes, results = {'HSET', tasks_key(run)}, {'HSET', results_key(run)}
  local errors, labels, ended = {'HSET', errors_key(run)}, {'HSET', inputs_key(run)}, {}
  for i = 1, count do
    local token, payload = ARGV[first + 2 * i - 2], ARGV[first + 2 * i - 1]
    local attempt, asked, more = string.match(token, OUTCOME)
    local task, record = tasks[i], records[i] or ''
    local fence = attempt .. ',' .. lane .. ','
    local running = 'R' .. fence
    local ours = string.sub(record, 2, 1 + #fence) == fence
    -- A lane that was reaped and returned may hold another attempt of the same task.
    if ours or string.match(record, '^R%d+,([^,]*),') ~= lane then freed[#freed + 1] = run .. ',' .. task end
    local spent, started, queued
    if string.sub(record, 1, #running) == running then
      spent, started, queued = read_running(record, #running + 1)
    end
    if spent then
      local when, code = now, settled(asked, stop, spent)
      if code == 'W' then when = wait_for_next(lane, run, task, attempt, asked, token, payload, now) end
      writes[#writes + 1] = task
      if asked == 'N' then payload = '' end
      if asked == 'W' then spent = without_calls(spent) end
      if asked == 'D' then spent = with_put_off(spent) end
      if asked == 'H' then spent = from_cache(spent) end
      if asked == 'A' then spent, payload = come_again(run, task, attempt, code, spent, payload), '' end
      local items = more ~= '' and note_more(task, asked, token, payload, labels)
      local text = fence .. spent .. ',' .. started .. ',' .. string.format('%d', when - submitted) .. queued
      if queued == '' and (items or code == 'W') then text = text .. ',' end
      if code == 'W' then text = replaced(run, task, asked, text, now - submitted, payload) end
      if items then text = text .. ',' .. items end
      writes[#writes + 1] = code .. text
      local kept = code == 'S' and results or errors
      if payload ~= '' then
        kept[#kept + 1] = task
        kept[#kept + 1] = payload
      end
      ended[code] = ended[code] or {}
      table.insert(ended[code], with_length(task, items))
      if stop then call('SREM', stops_key(lane), run .. ',' .. task .. ',' .. attempt) end
    elseif not ours then
      stale[#stale + 1] = run .. ',' .. task
    end
  end
  if #writes > 2 then call(unpack(writes)) if lacks_version(meta[3]) then note_ran(lane, run) end end
  if #results > 2 then keep_results(run, results) end
  if #errors > 2 then try(unpack(errors)) end
  if #labels > 2 then keep_inputs(run, labels) end
  if #freed > 2 then call(unpack(freed)) end
  if ended.F then note_dead(run, ended.F, now) end
  announce(run, ended)
end
