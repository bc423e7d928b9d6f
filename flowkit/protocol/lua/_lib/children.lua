-- children: runs that a task has called. Its run is their parent.
-- In the hash of a child, `parent` is "run,task,attempt,position", and `depth` how many runs are
-- above it. `run:<id>:children` of the parent has, by task, "attempt,open,list,level": the attempt
-- that called, how many of its runs are not over, and where the task is queued when all are. By
-- "task,attempt" it has what that attempt called; see flowkit/protocol/calls.py. `parents` lists
-- the tasks that wait. A child that ends while its parent is running is `held`: its TTL starts, and
-- its graph is released, when the parent ends.

local CALLS = '^(%d+),(%d+),([^,]*),([!%d])$'
local PARENT = '^([^,]*),(%d+),(%d+),%d+$'

-- The fields of a payload, each with its length before it.
local function split(payload)
  local fields, at = {}, 1
  while at <= #payload do
    local size, from = string.match(payload, '^(%d+):()', at)
    fields[#fields + 1] = string.sub(payload, from, from + size - 1)
    at = from + size
  end
  return fields
end

-- Submits the runs that an attempt has called: the fields of `payload`. One that exists is kept.
-- `list`, `level`: where the task is queued when they are over.
local function call_runs(run, task, attempt, payload, list, level)
  local fields, meta = split(payload), fields_of(run_key(run), 'ttl', 'depth', 'by') or {}
  local depth = string.format('%d', (read_time(meta[2]) or 0) + 1)
  local now, parent, open = string.format('%d', now_ms()), run .. ',' .. task .. ',' .. attempt .. ',', 0
  local listed, active, events = {'ZADD', P .. 'runs'}, {'SADD', P .. 'active'}, {'XADD', P .. 'events', '*'}
  local first = 3 + 4 * fields[2]
  for i = first, #fields, 3 do
    local child, params, graph = fields[i], fields[i + 2], 4 * fields[i + 1] - 1
    local digest, known = fields[graph], field_of(run_key(child), 'state')
    if not known then
      hold_graph(digest)
      local head = {'HSET', run_key(child), 'dag', fields[graph + 1], 'graph', digest, 'state', 'running',
                    'submitted', now, 'total', fields[graph + 2], 'ttl', meta[1] or '', 'depth', depth,
                    'parent', parent .. string.format('%d', (i - first) / 3)}
      for name, value in pairs({params = params, code = fields[graph + 3], by = meta[3] or ''}) do
        if value ~= '' then head[#head + 1], head[#head + 2] = name, value end
      end
      call(unpack(head))
      listed[#listed + 1], listed[#listed + 2] = now, child
      active[#active + 1] = child
      events[#events + 1], events[#events + 2] = 'submit', child .. ' ' .. digest
    end
    if not known or known == 'running' then open = open + 1 end
  end
  if #active > 2 then call(unpack(listed)) call(unpack(active)) call(unpack(events)) end
  local state = attempt .. ',' .. string.format('%d', open) .. ',' .. list .. ',' .. level
  call('HSET', children_key(run), task, state, task .. ',' .. attempt, fields[1])
  call('HSET', run_key(run), 'children', '1')
  note('SADD', P .. 'parents', run .. ',' .. task)
end
