-- guarded: commands that do not end the script where a key holds another type than it should.
-- A run whose keys are such is passed over, and the others in the batch are not.

-- Runs a command on a hint, or on what nothing else depends on: one that fails changes nothing.
local try = redis.pcall

-- Fields of a hash; nil if the key holds something else.
local function fields_of(...)
  local found = try('HMGET', ...)
  if not found.err then return found end
end

-- One field of a hash; false if it is not there or the key holds something else.
local function field_of(key, field)
  local found = try('HGET', key, field)
  return type(found) == 'string' and found
end

-- How many items a list or a hash has; 0 if the key holds something else.
local function size_of(command, key)
  local found = try(command, key)
  return type(found) == 'number' and found or 0
end
