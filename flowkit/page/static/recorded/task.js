// The document of one task or item of a recording, put together from its parts. Pure.

import { RUN_OVER } from "../states.js";

const iso = (base, ms) => (ms === null ? null : new Date(Date.parse(base) + ms).toISOString());
const MOST_INPUTS = 100;
const ROUNDED_MS = 2; // by which times of columns may differ from those of events

/** Return the entry of a task of the graph, as the API has it. */
function entryOf({ columns, recording, attempts }, at) {
  const { submitted } = recording.header.status;
  const name = columns.names[at];
  const last = attempts.get(name)?.at(-1);
  const took = columns.took[at];
  return {
    name,
    state: columns.state(at),
    attempt: columns.attempts[at],
    worker: columns.worker(at),
    queued: iso(submitted, columns.queued[at]),
    started: iso(submitted, columns.started(at)),
    duration: took === null ? null : took / 1000,
    error: columns.errors[at] ?? null,
    cached: columns.reused.has(at),
    app_version: last?.app_version ?? "",
    progress: null,
    label: "",
    items: columns.items[at] ?? null,
  };
}

/** Return the attempts of a task. Of items that succeeded, only their entry tells of the last one. */
function attemptsOf({ attempts }, entry, isMapped) {
  const known = attempts.get(entry.name) ?? [];
  if (isMapped || entry.attempt === 0 || entry.started === null) return known;
  const from = Date.parse(entry.started) - ROUNDED_MS; // an attempt before that was given back, and has the same number
  if (known.some((attempt) => attempt.attempt === entry.attempt && Date.parse(attempt.at) >= from)) return known;
  const outcome = entry.cached ? "cached" : entry.state;
  const at = entry.duration === null ? entry.started : iso(entry.started, entry.duration * 1000);
  const { name: task, attempt, worker, app_version, error } = entry;
  return [...known, { task, attempt, at, outcome, worker, app_version, rerun: false, error, traceback: "" }];
}

function inputsOf({ columns, results }, at) {
  const before = (edges, passes) => {
    const found = [];
    for (let edge = 0; edge < edges.length; edge += 2) if (edges[edge + 1] === at) found.push([edges[edge], passes]);
    return found;
  };
  const all = new Map([...before(columns.order, false), ...before(columns.edges, true)]);
  const inputs = [...all].map(([source, passes]) => ({
    task: columns.names[source],
    state: columns.state(source),
    passes,
    value: passes ? (results.get(columns.names[source]) ?? null) : null,
  }));
  return { inputs: inputs.slice(0, MOST_INPUTS), more_inputs: inputs.length > MOST_INPUTS };
}

/** Return the results of the first items of a mapped task as a value. */
function resultsOfItems({ items, results }, name) {
  const values = (items.get(name) ?? []).slice(0, 20).map((item) => results.get(item.name)).filter(Boolean);
  if (values.length === 0) return null;
  const shown = values.map((value) => value.problem || value.value);
  return { type: "list", size: 0, value: shown, cut: (items.get(name) ?? []).length > shown.length, problem: "" };
}

/** Return the document of a task or an item; null if the recording has none of this name. */
export function taskDocument(answers, name) {
  const { recording, columns, numbers, named, results } = answers;
  const item = named.get(name);
  const at = numbers.get(item?.item_of ?? name);
  if (at === undefined) return null;
  const isMapped = item === undefined && columns.isMapped(at);
  const entry = item ?? entryOf(answers, at);
  const { status } = recording.header;
  return {
    run_id: recording.run_id,
    dag: status.dag,
    run_state: RUN_OVER.includes(status.state) ? status.state : "running",
    task: entry,
    code: recording.functions[recording.function_of[at]],
    policy: recording.policies[recording.policy_of[at]],
    mapped: isMapped || item !== undefined,
    item_of: item?.item_of ?? null,
    ...inputsOf(answers, at),
    arguments: answers.arguments.get(columns.names[at]) ?? null,
    params: recording.params,
    attempts: attemptsOf(answers, entry, isMapped),
    result: isMapped ? resultsOfItems(answers, name) : (results.get(name) ?? null),
  };
}
