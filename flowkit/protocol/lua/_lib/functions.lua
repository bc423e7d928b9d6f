-- functions: the lists of functions that only some workers of a queue have.

-- Forgets the list of a function that has nothing left.
local function forget_function(list)
  local base, id = string.match(list, '^(.*)@(%x+)$')
  try('SREM', parked_key(base), id)
  call('HDEL', P .. 'levels', list, list .. '+')
end

-- Forgets those lists of functions of which none of the places looked at has any more.
local function forget_empty(waits)
  for list, more in pairs(waits) do
    if not more then forget_function(list) end
  end
end
