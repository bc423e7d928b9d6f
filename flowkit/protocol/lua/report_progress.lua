-- report_progress: records how far attempts of a worker have got, as their functions report it.
-- USES   base guarded
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 worker   3 number of attempts that report nothing any more
--        then these ("run,task,attempt"), then each of the others and its progress
--        ("lane,done,total,text"), which gets the time
-- REPLY  OK | UNKNOWN
-- KEEPS  only a registered worker writes, so that what it wrote is deleted with it. The time is
--        that of the last change.

local worker, gone = ARGV[2], tonumber(ARGV[3])
if not try('ZSCORE', P .. 'workers', worker) then return {'UNKNOWN'} end
local key = progress_key(worker)
if gone > 0 then try('HDEL', key, unpack(args_from({}, 4, 3 + gone))) end
local written = {}
for at = 4 + gone, #ARGV, 2 do
  local attempt, progress = ARGV[at], ARGV[at + 1]
  local known = field_of(key, attempt)
  if not known or string.match(known, '^%d+,(.*)$') ~= progress then
    written[#written + 1] = attempt
    written[#written + 1] = string.format('%d,', now_ms()) .. progress
  end
end
if #written > 0 then note('HSET', key, unpack(written)) end
try('PEXPIRE', key, 3600000)
return {'OK'}
