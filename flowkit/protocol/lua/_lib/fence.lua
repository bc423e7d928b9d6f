-- fence: the scheduler's writes carry (id, term) and count only while that scheduler leads.

local function leads(id, term)
  local holder, held_term = string.match(call('GET', P .. 'leader') or '', '^([^,]*),(%d+),')
  return holder == id and held_term == term
end
