// The timeline of a run: bars in rows, idle times folded, and the marks of the axis. Pure.
// Times are milliseconds after the submission; places are times without what is folded.

import { span } from "./format.js";

const LEAST_FOLDED = 5_000;
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 216e5, 432e5, 864e5];

/** Return the bars of the tasks that were queued: {task, name, worker, state, queued, start, end, attempt}. */
export function barsOf(columns, now) {
  const bars = [];
  for (let task = 0; task < columns.length; task += 1) {
    const queued = columns.queued[task];
    if (queued === null || columns.isMapped(task)) continue;
    const start = columns.started(task);
    const state = columns.state(task);
    const took = columns.lengthOf(task, now);
    const isOpen = state === "queued";
    const end = start === null ? (isOpen ? now : queued) : start + (took ?? 0);
    bars.push({ task, name: columns.names[task], worker: columns.worker(task), state, queued, start, end: Math.max(end, queued), attempt: columns.attempts[task] });
  }
  return bars;
}

/** Return the bar of an item, null if it was not queued. `begun`: when its run was submitted. */
export function barOfItem(item, task, begun, now) {
  if (item.queued === null) return null;
  const after = (text) => (text === null ? null : new Date(text).getTime() - begun);
  const queued = after(item.queued);
  const start = after(item.started);
  const took = item.duration === null ? null : item.duration * 1000;
  const isOpen = item.state === "running" || item.state === "queued";
  const end = start === null ? (isOpen ? now : queued) : start + (took ?? (isOpen ? Math.max(0, now - start) : 0));
  return { task, name: item.name, worker: item.worker, state: item.state, queued, start, end: Math.max(end, queued), attempt: item.attempt };
}

// How an attempt looks that another one replaced. One that asked for another one has not failed.
const LOOKS = { put_off: "waiting", again: "waiting", called: "waiting", succeeded: "succeeded", cached: "succeeded", skipped: "skipped", cancelled: "cancelled" };

/** Return the bars of earlier attempts. `due`: when the next attempt was due, null if it did not wait. */
export function barsOfAttempts(found) {
  return found.tasks.map((name, at) => {
    const [start, due] = [found.started[at], found.due[at]];
    const queued = found.queued[at] ?? start ?? found.ended[at] ?? 0;
    const end = Math.max(queued, start ?? 0, found.ended[at] ?? start ?? queued);
    return { name, worker: found.workers[at], state: LOOKS[found.outcomes[at]] ?? "failed", queued, start, end, due, attempt: found.attempts[at] };
  });
}

/** Return bars without those that are also among earlier attempts: a task that waits for its retry. */
export function withEarlier(bars, earlier) {
  const known = new Set(earlier.map((bar) => `${bar.attempt} ${bar.name}`));
  return [...earlier, ...bars.filter((bar) => !known.has(`${bar.attempt} ${bar.name}`))];
}

/**
 * Return rows of bars as {name, bars}. `by`: "worker" or "task". A task has one row with all its
 * attempts. Bars of a worker do not overlap: one that does several things at a time has several rows.
 */
export function rowsBy(bars, by) {
  const inOrder = bars.toSorted((one, other) => (one.start ?? one.queued) - (other.start ?? other.queued));
  if (by === "task") {
    const rows = new Map();
    for (const bar of inOrder) {
      if (rows.has(bar.name)) rows.get(bar.name).bars.push(bar);
      else rows.set(bar.name, { name: bar.name, bars: [bar] });
    }
    return [...rows.values()];
  }
  const workers = new Map();
  for (const bar of inOrder) {
    if (bar.start === null || bar.worker === "") continue;
    if (!workers.has(bar.worker)) workers.set(bar.worker, []);
    const rows = workers.get(bar.worker);
    const free = rows.find((row) => row.at(-1).end <= bar.start + 1);
    if (free === undefined) rows.push([bar]);
    else free.push(bar);
  }
  return [...workers.keys()].toSorted().flatMap((name) => workers.get(name).map((row, at) => ({ name: at ? "" : name, bars: row })));
}

/**
 * Return the folded time: parts {from, to, at} in order, `at` being the place where a part begins.
 * A gap in which nothing ran is folded if it is longer than `share` of all that remains.
 */
export function folded(bars, end, { share = 0.1, isOn = true } = {}) {
  const busy = [];
  const spans = bars.filter((bar) => bar.start !== null).map((bar) => [bar.start, bar.end]);
  for (const [from, to] of spans.toSorted((one, other) => one[0] - other[0])) {
    const last = busy.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else busy.push([from, to]);
  }
  const worked = busy.reduce((sum, [from, to]) => sum + to - from, 0);
  const least = Math.max(LEAST_FOLDED, share * worked);
  const parts = [{ from: 0, to: end, at: 0 }];
  let before = 0;
  for (const [from, to] of isOn ? busy : []) {
    if (from - before > least) fold(parts, before, from, least / 4);
    before = to;
  }
  if (isOn && busy.length > 0 && end - before > least) fold(parts, before, end, least / 4);
  return parts;
}

function fold(parts, from, to, rest) {
  const last = parts.at(-1);
  const cut = { from: to - rest / 2, to: last.to, at: 0 };
  last.to = from + rest / 2;
  cut.at = last.at + last.to - last.from;
  parts.push(cut);
}

/** Return the place of a time. */
export function placeOf(parts, time) {
  for (const part of parts) {
    if (time < part.from) return part.at;
    if (time <= part.to) return part.at + time - part.from;
  }
  const last = parts.at(-1);
  return last.at + last.to - last.from;
}

/** Return how long the folded time is. */
export function lengthOf(parts) {
  const last = parts.at(-1);
  return Math.max(1, last.at + last.to - last.from);
}

/** Return the marks of an axis between two places, about `room` apart: {place, text}. */
export function marks(parts, from, to, room) {
  const step = STEPS.find((size) => size >= room) ?? Math.ceil(room / 864e5) * 864e5;
  const found = [];
  for (const part of parts) {
    const low = Math.max(part.from, part.from + from - part.at);
    const high = Math.min(part.to, part.from + to - part.at);
    for (let time = Math.ceil(low / step) * step; time <= high; time += step) {
      found.push({ place: part.at + time - part.from, text: time === 0 ? "0" : span(time / 1000) });
    }
  }
  return found;
}

/** Return the position of the first bar of a row that ends after a time. */
export function firstAfter(bars, time) {
  let [low, high] = [0, bars.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bars[middle].end < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
