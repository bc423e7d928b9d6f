-- lead: takes, renews or gives up the scheduler's lease.
-- USES   base
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 lease (ms), 0 to give it up
-- REPLY  OK <term> | TAKEN <term> <cursor> (it leads from now on) | HELD <holder> <ms left>
-- KEEPS  a term has one holder, and terms only grow; what carries an older term is fenced.

local me, lease, now = ARGV[2], tonumber(ARGV[3]), now_ms()
local holder, term, deadline = string.match(call('GET', P .. 'leader') or '', '^([^,]*),(%d+),(%d+)$')
term = tonumber(term or 0)
local function write() call('SET', P .. 'leader', me .. ',' .. string.format('%d,%d', term, now + lease)) end

if holder == me then
  write()
  return {'OK', term}
end
if holder and tonumber(deadline) > now then return {'HELD', holder, deadline - now} end
if lease == 0 then return {'OK', term} end
term = term + 1
write()
return {'TAKEN', term, call('GET', P .. 'cursor') or '0'}
