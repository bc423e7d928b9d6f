-- graph: how long a compiled DAG is kept. `graphs` counts the unfinished runs that use it. When the
-- last of them ends, its TTL starts: the longest that any of its finished runs needs. Until then,
-- `graphs` holds that time too, under the digest and '!'. What the DAG takes is kept beside it, with a
-- TTL from its first day on: schedulers of older releases would leave it behind.

local function needed_until(digest) return read_time(field_of(P .. 'graphs', digest .. '!')) or 0 end

-- A run begins to use the graph. Called before the graph is written, since SET deletes the TTL.
local function hold_graph(digest)
  local left = call('PTTL', graph_key(digest))
  if left > 0 then
    call('HSET', P .. 'graphs', digest .. '!', string.format('%d', now_ms() + left))
    call('PERSIST', graph_key(digest))
  end
  try('HINCRBY', P .. 'graphs', digest, 1)
end

-- A run that used the graph has ended; its own keys live for another `ttl` ms.
local function release_graph(digest, ttl)
  local now = now_ms()
  local till = math.max(now + ttl, needed_until(digest))
  local users = try('HINCRBY', P .. 'graphs', digest, -1)
  if type(users) == 'number' and users > 0 then
    call('HSET', P .. 'graphs', digest .. '!', string.format('%d', till))
    return
  end
  call('HDEL', P .. 'graphs', digest, digest .. '!')
  local left = string.format('%d', till - now)
  call('PEXPIRE', graph_key(digest), left)
  call('PEXPIRE', takes_key(digest), left)
end
