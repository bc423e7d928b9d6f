-- standby: who waits for the lease of this shard, and how many shards its process leads.

-- The one that stands by beside `me`, and how many shards it leads; nil if nobody does.
local function standing_by(me, now)
  local who, shards, till = string.match(call('GET', P .. 'standby') or '', '^([^,]*),(%d+),(%d+)$')
  if who and who ~= me and #shards <= 9 and (read_time(till) or 0) > now then return who, tonumber(shards) end
end

-- Notes that `me` stands by, unless another one does that leads fewer.
local function stand_by(me, shards, now, till)
  local _, fewest = standing_by(me, now)
  if fewest and fewest < shards then return end
  call('SET', P .. 'standby', me .. ',' .. string.format('%d,%d', shards, till))
end

-- Notes that `me` does not stand by any longer: a lease would be lost on it.
local function leave(me)
  local who = string.match(call('GET', P .. 'standby') or '', '^([^,]*),')
  if who == me then call('DEL', P .. 'standby') end
end
