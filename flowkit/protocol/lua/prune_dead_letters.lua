-- prune_dead_letters: removes entries of tasks that are no longer failed from the dead letters.
-- USES   base border guarded fence
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 first rank   5 entries to check, at most 1,000
-- REPLY  OK <dropped> <next rank, 0 after the last entry> | FENCED
-- KEEPS  a failed task of an existing run stays listed.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local start, limit, dropped = tonumber(ARGV[4]), tonumber(ARGV[5]), 0
local last = string.format('%d', start + limit - 1)
local entries = call('ZRANGE', P .. 'dead', string.format('%d', start), last)
for _, entry in ipairs(entries) do
  local run, task = read_key(entry)
  local record = run and field_of(tasks_key(run), task) or ''
  if string.sub(record, 1, 1) ~= 'F' then dropped = dropped + call('ZREM', P .. 'dead', entry) end
end
return {'OK', dropped, #entries < limit and 0 or start + #entries - dropped}
