-- versions: notes in a run which versions of the app its attempts run.
-- The record of an attempt names its lane, and the hash of the run has what these workers run:
--   @<worker>          "app=version" of the worker's first child that claimed some of the run
--   @<worker>.<child>  the same of a child that has loaded another app since, from changed files
--   ran                the first of them all that ran an attempt
--   mixed              the first of another version that ran one
-- The notes of workers are written with the first claim of a worker in the run; later ones only compare
-- the app. A worker may hand on what it has claimed, so it counts when an attempt ends on it.

local VERSION = '^%w[%w._+-]*$'
local NOTED = '^%x+=(%w[%w._+-]*)$'

-- Whether what `ran` says is not certainly the version of the app of the lane, ARGV[6].
local function lacks_version(ran) return ARGV[6] == '' or string.sub(ran or '', 1, 17) ~= ARGV[6] .. '=' end

local function version_of(claimer)
  if claimer.version == nil then
    local text = try('GET', app_version_key(claimer.app))
    local known = type(text) == 'string' and #text <= 64 and string.find(text, VERSION)
    claimer.version = known and text or false
  end
  return claimer.version
end

-- `worker`: its field; `noted`: what that has.
local function note_version(claimer, run, worker, noted)
  if not version_of(claimer) then return end
  local field = noted and '@' .. string.match(claimer.lane, '^(.-)a?$') or worker
  call('HSET', run_key(run), field, claimer.app .. '=' .. claimer.version)
end

-- An attempt of a run has ended on this lane. The scheduler is told once per run that it has seen
-- another version than the first.
local function note_ran(lane, run)
  local child = '@' .. string.match(lane, '^(.-)a?$')
  local meta = fields_of(run_key(run), child, string.match(child, '^[^.]*'), 'ran') or {}
  local about, ran = meta[1] or meta[2] or '', meta[3]
  local version = #about <= 81 and string.match(about, NOTED)
  if not version then return end
  if not ran then return call('HSET', run_key(run), 'ran', about) end
  local first = #ran <= 81 and string.match(ran, NOTED)
  if first and first ~= version and call('HSETNX', run_key(run), 'mixed', about) == 1 then
    call('XADD', P .. 'events', '*', 'versions', run .. ' ' .. ran .. ' ' .. about)
  end
end
