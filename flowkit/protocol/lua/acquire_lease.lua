-- acquire_lease: acquires, renews or gives up the scheduler's lease of a shard.
-- USES   base border guarded standby terms
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 lease (ms); 0 gives it up and stops standing by
--        4 shard_position, position/count
--        5 shards that the scheduler's process leads, '' if it serves one shard only
-- REPLY  OK <term> <shards led by the standby's process, -1 without a standby>
--        | TAKEN <term> <cursor> (the scheduler leads from now on) | HELD <holder> <ms left>
--        | OTHER <shard position> (the shard has another position than the scheduler expects)
-- KEEPS  a term has one holder, and terms only grow; writes of an older term are fenced. The
--        position only grows, and never under a leader.

local me, lease, shard_position, shards, now = ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5], now_ms()
local holder, term, deadline = string.match(call('GET', P .. 'leader') or '', '^([^,]*),(%d+),(%d+)$')
-- A lease that cannot be read has no holder, and its term does not count.
if not (read_time(term) and read_time(deadline)) then holder, term, deadline = nil, nil, nil end
term = tonumber(term or 0)
-- A lease longer than any scheduler asks for has no holder either.
local AN_HOUR_MS = 3600000
local left = holder and tonumber(deadline) - now
local held = holder and left > 0 and left <= AN_HOUR_MS
local function write() call('SET', P .. 'leader', me .. ',' .. string.format('%d,%d', term, now + lease)) end

-- Whether the position is valid among the shards; `first` is how many there were at first.
local function is_position(stored, first)
  local at, count = string.match(stored or '', '^(%d+)/(%d+)$')
  return at and tonumber(at) < tonumber(count) and first >= 1 and first <= tonumber(count)
end

if lease == 0 then leave(me) end
if holder == me then
  write()
  local _, shards_led
  if shards ~= '' then _, shards_led = standing_by(me, now) end
  return {'OK', term, shards_led or -1}
end
local position, count = string.match(shard_position, '^(%d+)/(%d+)$')
local stored, first = string.match(string.sub(call('GET', P .. 'layout') or '', 1, 40), '^(%d+/%d+)/(%d+)$')
if not is_position(stored, tonumber(first)) then stored, first = nil, nil end
if stored and stored ~= shard_position then
  local before = tonumber(string.match(stored, '^' .. position .. '/(%d+)$'))
  local grows = before and tonumber(count) > before
  if held or not grows then return {'OTHER', stored} end
end
if held then
  if shards ~= '' then stand_by(me, tonumber(shards), now, now + math.floor(lease / 3)) end
  return {'HELD', holder, deadline - now}
end
if lease == 0 then return {'OK', term, -1} end
term = term + 1
write()
remember_term(me, string.format('%d', term))
-- A namespace with runs or a scheduler but no stored position was the only shard, as far as it is known.
first = first or (call('EXISTS', P .. 'cursor', P .. 'runs') > 0 and '1' or count)
call('SET', P .. 'layout', shard_position .. '/' .. first)
return {'TAKEN', term, call('GET', P .. 'cursor') or '0'}
