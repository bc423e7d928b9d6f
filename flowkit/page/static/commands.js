// Commands to copy. What anybody may have named is quoted, so that a shell reads it as one word.

/** Return a word as a POSIX shell needs it. */
export function quoted(word) {
  return /^[A-Za-z0-9_.:@%+=,/-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Return the command that retries tasks of a run, or all that can be. */
export function retryCommand(run, tasks = []) {
  const end = tasks.some((name) => name.startsWith("-")) ? ["--"] : [];
  return ["flowkit retry", ...end, run, ...tasks.map(quoted)].join(" ");
}

/** Return the command that resumes a run, from its failure or also from these tasks. */
export function resumeCommand(run, tasks = []) {
  return ["flowkit resume", run, ...tasks.map((name) => `--from-task ${quoted(name)}`)].join(" ");
}

const parameter = ([name, value]) => `-p ${quoted(`${name}=${value.startsWith("@") ? `@${value}` : value}`)}`;

/** Return the command that submits a run again. `params`: texts by name; `without`: names. */
export function againCommand(run, { params = {}, without = [] } = {}) {
  const given = [...Object.entries(params).map(parameter), ...without.map((name) => `--without ${quoted(name)}`)];
  return [`flowkit submit --again ${run}`, ...given].join(" ");
}
