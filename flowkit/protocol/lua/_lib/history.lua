-- history: what happened to a run and its records do not say: attempts that another one has
-- replaced, and who cancelled and resumed it.
-- An entry of the stream is a verb, a text and perhaps the packed error of an attempt; see
-- flowkit/protocol/history_reads.py. `history` in the run's hash says that the stream exists. The stream
-- is bounded: the oldest entries are dropped first, up to a hundred at once.

local HISTORY_BOUND = 5000
local ERROR_BOUND = 4096 -- bytes of one error
local LONGEST_TEXTS = {200, 1000, 2500} -- bytes of its type, message and traceback, if it is larger

-- The text that begins at `at` in packed data, and where the next one begins.
local function packed_text(data, at)
  local code, a, b, c, d = string.byte(data, at, at + 4)
  local size, from
  if code and code >= 160 and code <= 191 then size, from = code - 160, at + 1
  elseif code == 217 and a then size, from = a, at + 2
  elseif code == 218 and b then size, from = a * 256 + b, at + 3
  elseif code == 219 and d then size, from = ((a * 256 + b) * 256 + c) * 256 + d, at + 5
  else return nil end
  return string.sub(data, from, from + size - 1), from + size
end

-- Shortens a packed error: the beginning of its message, and the end of its traceback.
local function shortened(packed)
  if #packed <= ERROR_BOUND then return packed end
  local parts, at = {string.char(147)}, 2 -- a list of three
  for i, longest in ipairs(LONGEST_TEXTS) do
    local text
    text, at = packed_text(packed, at)
    if not text then return '' end
    text = i == 3 and string.sub(text, -longest) or string.sub(text, 1, longest)
    parts[#parts + 1] = string.char(218, math.floor(#text / 256), #text % 256) .. text
  end
  return table.concat(parts)
end

local function remember(run, verb, text, error)
  local entry = {'XADD', history_key(run), 'MAXLEN', '~', HISTORY_BOUND, '*', verb, text}
  if error and error ~= '' then entry[9], entry[10] = 'error', shortened(error) end
  try(unpack(entry))
  try('HSET', run_key(run), 'history', '1')
end
