-- complete: records a batch of outcomes, notifies the scheduler, and claims the next batch.
-- USES   base border spent guarded batch suspects versions functions places take_run take_turns take take_once outcome_codes results dead history graph children waiting record
-- RARE   note_more keep_inputs note_dead call_runs wait_for_next come_again replaced taken_before take_turns note_version note_ran forget_empty places_of_functions may_look
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 lane   3 call number   4 limit   5 share   6 app, as in claim
--        7 number of ready lists
--        then the ready lists, then per run: run, number of outcomes, and for each outcome its
--        token and payload. Token: "task,attempt,code"; W (retry), D (postponed, which spends
--        no retry) and A (comes again) add ",delay (ms),list,level"; S adds ",entry,ttl (ms)" if
--        the result is cached; H is an S from the cache. S and H add ",#ITEMS" if the result is
--        mapped; N (it has called runs) adds ",list,level"; any adds ",=label" last. Payload: packed
--        result or error, or '', or the called runs (see flowkit/protocol/calls.py), or the memory.
-- REPLY  OK <stale "run,task …"> <held> (<run> <graph> <life> <params> <"task,attempt,spent …">)* | UNKNOWN
-- KEEPS  an outcome counts once, and only for the attempt and lane that the record names.

local lane, lists_count = ARGV[2], tonumber(ARGV[7])
local last_call = call('HGET', claims_key(lane), '#')
if not last_call then return {'UNKNOWN'} end

local at, stale = 8 + lists_count, {}
while at <= #ARGV do
  local count = tonumber(ARGV[at + 1])
  assert(count >= 0, 'a number of outcomes is negative')
  record_outcomes(lane, ARGV[at], at + 2, count, stale)
  at = at + 2 + 2 * count
end
local reply = {'OK', table.concat(stale, ' '), 0}
take_once(last_call, args_from({}, 8, 7 + lists_count), reply)
reply[3] = call('HLEN', claims_key(lane)) - 1
return reply
