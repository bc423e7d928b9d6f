-- logs: the lines that the attempts of a run have printed, in chunks, the oldest first.

local DROP_STEP = 8 -- chunks that are read at a time, of 64 KiB each
local MOST_STEPS = 256 -- in one call; a wrong count must not make it long

-- Whether a chunk of this attempt may come from this lane: it holds the attempt, or held it last, or
-- the attempt is an earlier one. A task without a record has not started.
local function belongs(record, attempt, lane)
  local _, current, holder = read_record(record)
  if not current then return false end
  if current ~= attempt then return tonumber(current) > tonumber(attempt) end
  return holder == lane or holder == ''
end

-- What the last call was answered, if it was this one.
local function answered_before(logged, this_call)
  if not logged or #logged > 4096 or string.sub(logged, 1, #this_call) ~= this_call then return nil end
  local reply = {'OK'}
  for id in string.gmatch(string.sub(logged, #this_call), '[%d%-]+') do reply[#reply + 1] = id end
  return reply
end

-- Drops the oldest chunks until the run keeps at most `most` bytes; returns how many it keeps.
local function drop_oldest(run, bytes, most)
  for _ = 1, MOST_STEPS do
    if bytes <= most then break end
    local oldest = try('XRANGE', logs_key(run), '-', '+', 'COUNT', DROP_STEP)
    if oldest.err or #oldest == 0 then return 0 end
    for _, entry in ipairs(oldest) do
      if bytes <= most then break end
      call('XDEL', logs_key(run), entry[1])
      bytes = bytes - #(entry[2][4] or '')
    end
  end
  return bytes
end
