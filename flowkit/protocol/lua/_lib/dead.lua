-- dead: the dead letters: a list of the tasks that failed for good.
-- An entry is "run,task", a hint: the record says whether the task is still failed. The list is
-- bounded, since users may never look at it.

local DEAD_BOUND = 10000

local function note_dead(run, tasks, now)
  local command, when = {'ZADD', P .. 'dead'}, string.format('%d', now)
  for _, task in ipairs(tasks) do
    command[#command + 1] = when
    command[#command + 1] = run .. ',' .. task
  end
  try(unpack(command))
  try('ZREMRANGEBYRANK', P .. 'dead', 0, -DEAD_BOUND - 1)
end
