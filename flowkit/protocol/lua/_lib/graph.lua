-- graph: how long a compiled DAG is kept. `graphs` counts the runs that use it and are not over;
-- with the last of them its TTL starts, as long as the longest that any run over with it needs.
-- Until then that time stands in `graphs` too, under the digest and '!'.

local function needed_until(digest) return read_time(field_of(P .. 'graphs', digest .. '!')) or 0 end

-- A run begins to use it. Called before it is written, since writing drops the TTL.
local function hold_graph(digest)
  local left = call('PTTL', graph_key(digest))
  if left > 0 then
    call('HSET', P .. 'graphs', digest .. '!', string.format('%d', now_ms() + left))
    call('PERSIST', graph_key(digest))
  end
  try('HINCRBY', P .. 'graphs', digest, 1)
end

-- A run that used it is over; its own keys live for another `ttl` ms.
local function release_graph(digest, ttl)
  local now = now_ms()
  local till = math.max(now + ttl, needed_until(digest))
  local users = try('HINCRBY', P .. 'graphs', digest, -1)
  if type(users) == 'number' and users > 0 then
    call('HSET', P .. 'graphs', digest .. '!', string.format('%d', till))
    return
  end
  call('HDEL', P .. 'graphs', digest, digest .. '!')
  call('PEXPIRE', graph_key(digest), string.format('%d', till - now))
end
