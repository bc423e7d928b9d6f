-- places: where a claim looks, and in which order.

local FUNCTIONS_BOUND = 100 -- lists of functions that one claim looks at

-- Adds the levels of one list to `places`, in the order in which they are claimed. `noted`: its
-- fields in `levels`.
local function add_places(places, list, noted, round)
  for level in string.gmatch(read_levels(noted[1]), '.') do
    places[#places + 1] = {list = list, level = level, backlogs = noted[2], round = round}
  end
  return places
end

-- The places of a list and of its lists of functions `ids`. At one level, the list and these others
-- are first in every other call; each of the others in its turn. A list counts its rounds by the
-- calls in which it is first, so no choice depends on another one.
local function places_of_functions(list, noted, ids, call_no)
  local places, turn, round = {}, call_no % 2, math.floor(call_no / 2)
  local cycle = math.floor(round / #ids)
  if turn == 0 then add_places(places, list, noted, round) end
  for i = 1, math.min(#ids, FUNCTIONS_BOUND) do
    local other = list .. '@' .. ids[(i + round) % #ids + 1]
    local before = #places
    add_places(places, other, call('HMGET', P .. 'levels', other, other .. '+'), cycle)
    if #places == before then try('SREM', parked_key(list), string.sub(other, -16)) end
  end
  if turn == 1 then add_places(places, list, noted, round) end
  for i, place in ipairs(places) do place.rank = (place.level == '!' and 10 or tonumber(place.level)) * 1000 - i end
  table.sort(places, function(a, b) return a.rank > b.rank end)
  return places, #ids <= FUNCTIONS_BOUND
end

-- The places to claim from, for one list of a lane: its levels, and those of the lists of functions
-- that only some workers have, and this app among them. Also returns whether these are all.
local function places_of(claimer, list, noted)
  local call_no = tonumber(claimer.call_no) or 0
  if noted[3] and claimer.app ~= '' then
    local ids = try('SINTER', parked_key(list), app_key(claimer.app))
    if not ids.err and #ids > 0 then return places_of_functions(list, noted, ids, call_no) end
  end
  return add_places({}, list, noted, call_no), true
end
