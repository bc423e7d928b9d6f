-- standby: the scheduler that waits for this lease, and how many shards its process leads.

-- The standby other than `me`, and how many shards its process leads; nil without one.
local function standing_by(me, now)
  local standby, shards, till = string.match(call('GET', P .. 'standby') or '', '^([^,]*),(%d+),(%d+)$')
  if standby and standby ~= me and #shards <= 9 and (read_time(till) or 0) > now then
    return standby, tonumber(shards)
  end
end

-- Records `me` as the standby, unless the process of the current one leads fewer shards.
local function stand_by(me, shards, now, till)
  local _, fewest = standing_by(me, now)
  if fewest and fewest < shards then return end
  call('SET', P .. 'standby', me .. ',' .. string.format('%d,%d', shards, till))
end

-- Removes `me` as the standby, so that it is not handed a lease.
local function leave(me)
  local standby = string.match(call('GET', P .. 'standby') or '', '^([^,]*),')
  if standby == me then call('DEL', P .. 'standby') end
end
