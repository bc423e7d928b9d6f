-- guarded: commands that do not end the script if a key holds a wrong type.
-- A run with such a key is skipped, and the other runs of the batch are not.

-- Runs a command on data that nothing else depends on, such as a hint. A failure is ignored.
local try = redis.pcall

-- Writes a hint. A key of another type, which no release writes, is replaced: without the hint,
-- attempts would wait until the key is deleted.
local function note(command, key, ...)
  local reply = try(command, key, ...)
  if type(reply) ~= 'table' or not string.find(reply.err or '', '^WRONGTYPE') then return reply end
  call('DEL', key)
  return call(command, key, ...)
end

-- Fields of a hash; nil if the key holds another type.
local function fields_of(...)
  local reply = try('HMGET', ...)
  if not reply.err then return reply end
end

-- One field of a hash; false if it is missing or the key holds another type.
local function field_of(key, field)
  local reply = try('HGET', key, field)
  return type(reply) == 'string' and reply
end

-- The size of a list or a hash; 0 if the key holds another type.
local function size_of(command, key)
  local reply = try(command, key)
  return type(reply) == 'number' and reply or 0
end
