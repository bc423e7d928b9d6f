-- hand_over_lease: hands the lease to the scheduler that stands by, whose process leads fewer shards.
-- USES   base border guarded fence standby
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 scheduler   3 term   4 lease (ms)   5 most shards that the other may lead
-- REPLY  OK <who leads now> | FENCED | NOBODY
-- KEEPS  the lease goes from one holder to the next in one step and under a new term, so nobody
--        leads in between and what the old one still writes is fenced.

if not leads(ARGV[2], ARGV[3]) then return {'FENCED'} end
local now = now_ms()
local who, shards = standing_by(ARGV[2], now)
if not who or shards > tonumber(ARGV[5]) then return {'NOBODY'} end
call('SET', P .. 'leader', who .. ',' .. string.format('%d,%d', ARGV[3] + 1, now + ARGV[4]))
call('DEL', P .. 'standby')
return {'OK', who}
