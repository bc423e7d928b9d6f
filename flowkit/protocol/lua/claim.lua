-- claim: hands ready attempts to a lane and marks them as running there.
-- USES   base border spent guarded batch suspects versions functions places take_run take_turns take take_once
-- RARE   taken_before take_turns note_version forget_empty places_of_functions may_look
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 lane   3 call number   4 limit   5 share (claimers that share)
--        6 app of the lane, '' if it is unknown
--        7… ready lists, in the order in which they are claimed
-- REPLY  OK <held> (<run> <graph> <life> <params> <"task,attempt,spent …">)* | UNKNOWN
-- KEEPS  an attempt is handed to one lane only, and the claims hash of that lane names it.

local last_call = call('HGET', claims_key(ARGV[2]), '#')
if not last_call then return {'UNKNOWN'} end
local reply = {'OK', 0}
take_once(last_call, args_from({}, 7, #ARGV), reply)
reply[2] = call('HLEN', claims_key(ARGV[2])) - 1
return reply
