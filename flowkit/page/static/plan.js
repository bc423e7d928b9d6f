// The graph of a run as it is drawn: the states of a box, what of it is in view, what a search finds.
// Pure.

import { STATES } from "./states.js";

// What a box with several tasks looks like as a whole: the first of these that one of them has.
const FIRST = ["failed", "running", "waiting", "queued", "upstream_failed", "cancelled", "pending", "skipped", "succeeded"];

/** Return how many tasks of a box are in each state, by name; of a mapped task alone, how many items. */
export function barOf(box, columns) {
  const items = box.tasks.length === 1 ? columns.items[box.tasks[0]] : undefined;
  return items && Object.keys(items).length > 0 ? items : countsOf(box, columns);
}

/** Return how many tasks of a box are in each state, by name. */
export function countsOf(box, columns) {
  const counts = {};
  for (const task of box.tasks) {
    const state = columns.state(task);
    counts[state] = (counts[state] ?? 0) + 1;
  }
  return counts;
}

/** Return the state that a box shows. */
export function leading(counts) {
  return FIRST.find((state) => counts[state] > 0) ?? "pending";
}

/** Return the parts of a bar of states, in the order of `STATES`: {state, from, to}, from 0 to 1. */
export function shares(counts) {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  let at = 0;
  const parts = [];
  for (const state of Object.keys(STATES)) {
    if (!counts[state]) continue;
    const to = at + counts[state] / total;
    parts.push({ state, from: at, to });
    at = to;
  }
  return parts;
}

/** Return whether a rectangle [left, top, width, height] meets the window {left, top, right, bottom}. */
export function isSeen([left, top, width, height], window) {
  return left <= window.right && left + width >= window.left && top <= window.bottom && top + height >= window.top;
}

/** Return the rectangle around the points of a line: x, y, x, y, … */
export function around(line) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let at = 0; at < line.length; at += 2) {
    left = Math.min(left, line[at]);
    right = Math.max(right, line[at]);
    top = Math.min(top, line[at + 1]);
    bottom = Math.max(bottom, line[at + 1]);
  }
  return [left, top, right - left, bottom - top];
}

/**
 * Return the positions of the boxes of which a task has this text in its name and a task or an item is in
 * this state. Both may be empty; if both are, nothing is sought, and so found.
 */
export function found(boxes, columns, text, state = "") {
  const wanted = text.trim().toLowerCase();
  if (wanted === "" && state === "") return [];
  const isIn = (task) => columns.names[task].toLowerCase().includes(wanted);
  const has = (box) => state === "" || countsOf(box, columns)[state] > 0 || barOf(box, columns)[state] > 0;
  return boxes.flatMap((box, at) => (box.tasks.some(isIn) && has(box) ? [at] : []));
}
