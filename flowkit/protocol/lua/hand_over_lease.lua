-- hand_over_lease: hands the lease to the standby, whose process leads fewer shards.
-- USES   base border guarded fence standby terms
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 lease (ms)   5 most shards of the standby
-- REPLY  OK <new leader> | FENCED | NOBODY
-- KEEPS  the lease moves in one step and under a new term, so there is no gap between the leaders
--        and late writes of the previous one are fenced.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local now = now_ms()
local standby, shards = standing_by(ARGV[2], now)
if not standby or shards > tonumber(ARGV[5]) then return {'NOBODY'} end
call('SET', P .. 'leader', standby .. ',' .. string.format('%d,%d', ARGV[3] + 1, now + ARGV[4]))
remember_term(standby, string.format('%d', ARGV[3] + 1))
call('DEL', P .. 'standby')
return {'OK', standby}
