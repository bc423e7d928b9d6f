-- versions: notes in a run which versions of the app its attempts run.
-- The record of an attempt names its lane, and the hash of the run has what these workers run:
--   @<worker>          "app=version" of the worker's first child that claimed some of the run
--   @<worker>.<child>  the same of a child that has loaded another app since, from changed files
--   ran                the first of them all
--   mixed              the first of another version
-- They are written with the first claim of a worker in the run. Later ones only compare the app.

local VERSION = '^%w[%w._+-]*$'
local NOTED = '^%x+=(%w[%w._+-]*)$'

local function version_of(claimer)
  if claimer.version == nil then
    local text = try('GET', app_version_key(claimer.app))
    local known = type(text) == 'string' and #text <= 64 and string.find(text, VERSION)
    claimer.version = known and text or false
  end
  return claimer.version
end

-- `worker`, `ran`: fields as above; `noted`: what the first of them has. The scheduler is told once
-- per run that it has seen another version than the first.
local function note_version(claimer, run, worker, ran, noted)
  if not version_of(claimer) then return end
  local about = claimer.app .. '=' .. claimer.version
  local field = noted and '@' .. string.match(claimer.lane, '^(.-)a?$') or worker
  call('HSET', run_key(run), field, about, 'ran', ran or about)
  local first = ran and #ran <= 81 and string.match(ran, NOTED)
  if first and first ~= claimer.version and call('HSETNX', run_key(run), 'mixed', about) == 1 then
    call('XADD', P .. 'events', '*', 'versions', run .. ' ' .. ran .. ' ' .. about)
  end
end
