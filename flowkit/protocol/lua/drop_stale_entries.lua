-- drop_stale_entries: removes queue entries of finished runs: retries and unclaimed attempts.
-- USES   base border guarded functions fence
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 first rank in `delayed`   5 number of entries to
--        check, there and at the head of each ready list and of each list of turns, at most 200
-- REPLY  OK <dropped> <next rank, 0 after the last entry> | FENCED
-- KEEPS  an entry of a running run stays.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local start, limit, dropped = tonumber(ARGV[4]), tonumber(ARGV[5]), 0
local known = {}

local function is_over(entry)
  local run = string.match(entry, '^([^,]*),') or ''
  if known[run] == nil then known[run] = field_of(run_key(run), 'state') ~= 'running' end
  return known[run]
end

local last = string.format('%d', start + limit - 1)
local entries = call('ZRANGE', P .. 'delayed', string.format('%d', start), last)
for _, entry in ipairs(entries) do
  if is_over(entry) then dropped = dropped + call('ZREM', P .. 'delayed', entry) end
end
local next_rank = #entries < limit and 0 or start + #entries - dropped

local checked = 0
local lists = call('HGETALL', P .. 'levels')
for i = 1, #lists, 2 do
  local empty = string.find(lists[i], '@', 1, true) ~= nil
  for level in string.gmatch(read_levels(lists[i + 1]), '.') do
    local key = ready_key(lists[i], level)
    empty = empty and checked < 1000
    if checked < 1000 then
      for _, entry in ipairs(redis.pcall('LRANGE', key, 0, limit - 1)) do
        checked = checked + 1
        if is_over(entry) then dropped = dropped + call('LREM', key, 1, entry) end
      end
      local turns = turns_key(lists[i], level)
      for _, run in ipairs(redis.pcall('LRANGE', turns, 0, limit - 1)) do
        checked = checked + 1
        if is_over(run .. ',') then
          call('LREM', turns, 1, run)
          dropped = dropped + size_of('LLEN', backlog_key(lists[i], level, run))
          call('DEL', backlog_key(lists[i], level, run))
        end
      end
      empty = empty and size_of('LLEN', key) + size_of('LLEN', turns) == 0
    end
  end
  if empty and is_list(lists[i]) then forget_function(lists[i]) end
end
return {'OK', dropped, next_rank}
