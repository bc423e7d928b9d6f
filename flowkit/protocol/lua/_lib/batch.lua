-- batch: groups attempts by run, for claims and for their replies.

-- Groups popped entries by run, in order of first appearance, and drops duplicates.
local function by_run(entries, list, level, order, groups)
  for _, entry in ipairs(entries) do
    local run, task, attempt = read_entry(entry)
    if run then
      local group = groups[run]
      if not group then
        group = {seen = {}}
        groups[run] = group
        order[#order + 1] = run
      end
      if not group.seen[task] then
        group.seen[task] = true
        group[#group + 1] = {task = task, attempt = attempt, list = list, level = level}
      end
    end
  end
end

-- Identifies a run's results: when it was submitted, and how often it was resumed since.
local function life_of(submitted, resumes) return resumes and submitted .. '/' .. string.sub(resumes, 1, 15) or submitted end

-- Appends what a worker must know about a run and the attempts that it got.
local function describe(run, graph, life, params, taken, reply)
  local n = #reply
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4] = run, graph, life, params or ''
  reply[n + 5] = table.concat(taken, ' ')
end
