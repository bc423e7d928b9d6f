-- claim: hands ready attempts to a lane and marks them as running there.
-- USES   base border spent guarded batch suspects take take_once
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 lane   3 call number   4 limit   5 share (claimers that share)
--        6… ready lists, in the order in which they are claimed
-- REPLY  OK <held> (<run> <graph> <life> <params> <"task,attempt,spent …">)* | UNKNOWN
-- KEEPS  an attempt is handed to one lane only, and the claims hash of that lane names it.

local lane, call_no = ARGV[2], ARGV[3]
local last_call = call('HGET', claims_key(lane), '#')
if not last_call then return {'UNKNOWN'} end
local reply = {'OK', 0}
take_once(lane, last_call, call_no, tonumber(ARGV[4]), tonumber(ARGV[5]), args_from({}, 6, #ARGV), reply)
reply[2] = call('HLEN', claims_key(lane)) - 1
return reply
