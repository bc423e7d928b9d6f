-- inputs: what tasks get beside results. `inputs` in the run's hash says that the hash exists.

local function keep_input(run, field, value)
  try('HSET', inputs_key(run), field, value)
  try('HSET', run_key(run), 'inputs', '1')
end
