-- take_once: claims once per call number.
-- '#' in the claims hash of a lane is the number of its last call. The same number again returns
-- the same attempts. A lane without '#' is not registered.

-- Returns the attempts of call `call_no` again, whose reply was lost.
local function taken_before(lane, call_no, reply)
  local held = call('HGETALL', claims_key(lane))
  local order, groups = {}, {}
  for i = 1, #held, 2 do
    local run, task = read_key(held[i])
    local attempt, tag = string.match(held[i + 1], '^(%d+),([^,]*),')
    if run and tag == call_no then
      local _, _, _, spent = read_record(field_of(tasks_key(run), task))
      if not groups[run] then
        groups[run] = {}
        order[#order + 1] = run
      end
      table.insert(groups[run], task .. ',' .. attempt .. ',' .. (spent or UNSPENT))
    end
  end
  for _, run in ipairs(order) do
    local meta = fields_of(run_key(run), 'graph', 'submitted', 'params', 'resumes')
    if meta and meta[1] and is_digest(meta[1]) and read_time(meta[2]) then
      describe(run, meta[1], life_of(meta[2], meta[4]), meta[3], groups[run], reply)
    end
  end
end

-- Claims once per call number. A limit of 0 claims nothing and does not change the number. The
-- claimer is described by ARGV: 2 lane, 3 call number, 4 limit, 5 share, 6 app.
local function take_once(last_call, lists, reply)
  local lane, call_no, limit = ARGV[2], ARGV[3], tonumber(ARGV[4])
  if limit == 0 then return end
  if last_call == call_no then return taken_before(lane, call_no, reply) end
  local claimer = {
    lane = lane, worker = '@' .. string.match(lane, '^[^.]*'), call_no = call_no,
    share = math.max(1, tonumber(ARGV[5])), app = ARGV[6], popped = 0,
  }
  take(claimer, limit, lists, reply)
  -- What was taken has been written together with the number.
  if not claimer.is_numbered then call('HSET', claims_key(lane), '#', call_no) end
end
