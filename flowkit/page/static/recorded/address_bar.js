// The address of a view in the file of an exported run: its fragment, `#/runs/ID/tasks/NAME?tab=logs`.
// A page from disk may not change the rest of its address.

import { recording } from "./data.js";

const whole = () => (location.hash.startsWith("#/") ? location.hash.slice(1) : `/runs/${encodeURIComponent(recording.run_id)}`);

/** Whether the views of DAGs can be reached: a recording has one run. */
export const hasDags = false;

/** Return a path below the root as the browser needs it. */
export const href = (path) => `#${path}`;

/** Return the path of the address bar. */
export const here = () => whole().split("?", 1)[0];

/** Return the query of the address bar. */
export const query = () => new URLSearchParams(whole().slice(here().length));

/** Change the query. `keep`: do not make a new entry of the history. */
export function write(parameters, keep) {
  const text = parameters.toString();
  const to = `#${here()}${text && `?${text}`}`;
  if (keep) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
}

/** Return null: the browser follows all links itself, and tells of it as of the back key. */
export const pathOf = () => null;

/** Go to a path. */
export function go(path) {
  location.hash = path;
}
