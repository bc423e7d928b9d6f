// The tasks of a run as columns: how they change, which rows a table has, and in what order.
// Pure: it knows neither page nor clock. Times are milliseconds after the submission of the run.

import { stateOf } from "./states.js";

const WHOLE = ["workers", "cached", "errors", "progress", "items", "retried"];
// Trouble first, then what runs, then what is to come, then what is done.
const ORDER = "frwqpucks";

/** What a page knows of the tasks of a run. Edges are [upstream, downstream, upstream, …]. */
export class Columns {
  constructor(document) {
    this.names = document.names;
    this.states = [...document.states];
    for (const name of ["attempts", "queued", "waited", "took", "lanes", ...WHOLE]) this[name] = document[name];
    this.edges = summed(document.edges);
    this.order = summed(document.order);
    this.reused = new Set(this.cached);
  }

  get length() {
    return this.names.length;
  }

  /** Take over a change: `tasks` has lists of a number, then names of fields with values. */
  apply(change) {
    for (const [task, ...pairs] of change.tasks ?? []) {
      for (let at = 0; at < pairs.length; at += 2) this[pairs[at]][task] = pairs[at + 1];
    }
    for (const name of WHOLE) if (change[name] !== undefined) this[name] = change[name];
    this.reused = new Set(this.cached);
  }

  /** Return the name of the state of a task. */
  state(task) {
    return stateOf(this.states[task]);
  }

  /** Return when the last attempt of a task started, null if it has not. */
  started(task) {
    const queued = this.queued[task];
    const waited = this.waited[task];
    return queued === null || waited === null ? null : queued + waited;
  }

  /** Return how long a task took, or has taken so far; null before its start. */
  lengthOf(task, now) {
    if (this.took[task] !== null) return this.took[task];
    const started = this.started(task);
    return this.states[task] === "r" && started !== null ? Math.max(0, now - started) : null;
  }

  /** Return the process that ran a task, or an empty text. */
  worker(task) {
    return this.workers[this.lanes[task]] ?? "";
  }

  /** Return whether a task has items. */
  isMapped(task) {
    return this.items[task] !== undefined;
  }

  /** Return how many tasks are in each state, by name. */
  counts() {
    const counts = {};
    for (const letter of this.states) counts[stateOf(letter)] = (counts[stateOf(letter)] ?? 0) + 1;
    return counts;
  }
}

/** Return numbers that were given as differences to the pair before. */
export function summed(steps) {
  const pairs = [];
  for (let at = 0; at < steps.length; at += 1) pairs.push(steps[at] + (at < 2 ? 0 : pairs[at - 2]));
  return pairs;
}

const KEYS = {
  name: (columns) => (task) => columns.names[task],
  state: (columns) => (task) => ORDER.indexOf(columns.states[task]),
  attempts: (columns) => (task) => columns.attempts[task],
  started: (columns) => (task) => columns.started(task),
  waited: (columns) => (task) => columns.waited[task],
  took: (columns, now) => (task) => columns.lengthOf(task, now),
  worker: (columns) => (task) => columns.worker(task) || null,
};

/** The columns that a table can be sorted by. */
export const SORTS = Object.keys(KEYS);

/**
 * Return the numbers of the tasks that match, in order. `sort`: a name of `SORTS`, with a minus for
 * the largest first; without one, the order of the graph. Tasks without a value come last.
 */
export function matching(columns, { state = "", text = "", retried = false, sort = "" }, now) {
  const wanted = text.toLowerCase();
  const found = [];
  for (let task = 0; task < columns.length; task += 1) {
    if (retried && columns.attempts[task] < 2 && !(columns.retried[task] > 0)) continue;
    if (state && columns.state(task) !== state && !(columns.items[task]?.[state] > 0)) continue;
    if (wanted && !columns.names[task].toLowerCase().includes(wanted)) continue;
    found.push(task);
  }
  return sorted(found, columns, sort, now);
}

function sorted(tasks, columns, sort, now) {
  const isDown = sort.startsWith("-");
  const name = isDown ? sort.slice(1) : sort;
  if (!SORTS.includes(name)) return tasks;
  const keyOf = KEYS[name](columns, now);
  const keys = new Map(tasks.map((task) => [task, keyOf(task)]));
  return tasks.toSorted((first, second) => {
    const [one, other] = [keys.get(first), keys.get(second)];
    if (one === other) return first - second;
    if (one === null || other === null) return one === null ? 1 : -1;
    return (one < other ? -1 : 1) * (isDown ? -1 : 1);
  });
}
