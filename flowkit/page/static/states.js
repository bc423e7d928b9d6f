// The states of runs and tasks: a letter of the columns, a symbol and a word for people. A colour
// alone tells no state.

export const STATES = {
  pending: { letter: "p", symbol: "·", word: "pending" },
  queued: { letter: "q", symbol: "…", word: "queued" },
  running: { letter: "r", symbol: "▶", word: "running" },
  waiting: { letter: "w", symbol: "◷", word: "waiting" },
  succeeded: { letter: "s", symbol: "✓", word: "succeeded" },
  failed: { letter: "f", symbol: "✗", word: "failed" },
  upstream_failed: { letter: "u", symbol: "⊘", word: "upstream failed" },
  skipped: { letter: "k", symbol: "↷", word: "skipped" },
  cancelled: { letter: "c", symbol: "■", word: "cancelled" },
  stopping: { letter: "", symbol: "◼", word: "stopping" },
};

/** The states in which a run is over, and those in which a task is. */
export const RUN_OVER = ["succeeded", "failed", "cancelled"];
export const TASK_OVER = [...RUN_OVER, "skipped", "upstream_failed"];

const NAMES = new Map(Object.entries(STATES).map(([name, state]) => [state.letter, name]));

/** Return the name of the state that a letter of the columns stands for. */
export function stateOf(letter) {
  return NAMES.get(letter) ?? "pending";
}

/** Return the symbol and the word of a state. An unknown one is shown by its name. */
export function looks(name) {
  return STATES[name] ?? { letter: "", symbol: "?", word: String(name) };
}

/** Return what the tasks of a run that is not over do if none of them runs: "3 queued, 1 waiting". */
export function standing(run) {
  const { running, queued, waiting } = run.counts;
  if (RUN_OVER.includes(run.state) || running) return "";
  return [queued && `${queued} queued`, waiting && `${waiting} waiting`].filter(Boolean).join(", ");
}
