-- functions: the lists of functions that only some workers of a queue have.

-- Forgets the list of a function that has nothing left.
local function forget_function(list)
  local base, id = string.match(list, '^(.*)@(%x+)$')
  try('SREM', parked_key(base), id)
  call('HDEL', P .. 'levels', list, list .. '+')
end
