-- retire: deletes a worker that is gone, once its lanes hold no claims.
-- USES   base border guarded
-- KEYS   1 prefix
-- ARGV   1 now (ms)   2 worker   3… its lanes, in addition to those that it has registered
-- REPLY  OK | HOLDS <lane>
-- KEEPS  a worker that holds claims stays registered, so that they are reaped.

-- The caller's list of lanes may be out of date: a worker that seemed dead may have returned and
-- registered another lane. That lane is reaped or may not claim, but it is never overlooked.
local lanes = args_from({}, 3, #ARGV)
local own = ARGV[2] .. '.'
for lane in string.gmatch(string.sub(field_of(worker_key(ARGV[2]), 'lanes') or '', 1, 320000), '%S+') do
  if string.sub(lane, 1, #own) == own then lanes[#lanes + 1] = lane end
end
for _, lane in ipairs(lanes) do
  if size_of('HLEN', claims_key(lane)) > 1 then return {'HOLDS', lane} end
end
for _, lane in ipairs(lanes) do call('DEL', claims_key(lane), stops_key(lane)) end
call('ZREM', P .. 'workers', ARGV[2])
call('DEL', worker_key(ARGV[2]), progress_key(ARGV[2]))
return {'OK'}
