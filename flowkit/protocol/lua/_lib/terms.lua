-- terms: who has led the namespace, and since when; the last thousand terms, for the history of runs.

local TERMS_BOUND = 1000

local function remember_term(holder, term)
  note('XADD', P .. 'terms', 'MAXLEN', '~', TERMS_BOUND, '*', term, holder)
end
