// The events of a history that a page has, and what changes of it. Pure.

const TROUBLE = new Set(["failed", "retry", "put_off", "died", "suspect", "lost", "released", "upstream_failed"]);

/** Return the events after a message of the stream: all of them, or a change. */
export function after(events, told) {
  if (told.keep === undefined) return told.items;
  return [...events.slice(told.drop, told.drop + told.keep), ...told.items];
}

/** Return whether an event tells of something that went wrong. */
export function isTrouble(event) {
  return TROUBLE.has(event.outcome);
}

/** Return who did it, or the worker of an attempt. */
export function who(event) {
  return event.by || event.worker || "";
}

/** Return the state whose look an event has. */
export function lookOf(event) {
  const states = { cached: "succeeded", retry: "waiting", again: "waiting", called: "waiting", put_off: "waiting" };
  if (event.what === "resumed" || event.what === "submitted" || event.what === "hastened") return "queued";
  if (event.what === "cancelled" || event.what === "stopping") return "cancelled";
  if (["died", "suspect", "lost", "released"].includes(event.outcome)) return "failed";
  return states[event.outcome] ?? event.outcome;
}
