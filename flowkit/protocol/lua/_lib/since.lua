-- since: times of a run, which its records count from its submission.

-- How long ago a run was submitted: hexadecimal, in ms. '' for a time in the future.
local function since(submitted)
  local passed = now_ms() - (read_time(submitted) or now_ms())
  return passed < 0 and '' or string.format('%x', passed)
end
