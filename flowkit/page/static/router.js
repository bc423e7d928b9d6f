// Which view an address opens. Every filter and tab is in the address, so that it can be sent on
// and the back key works. A view is a module with `open(place)`, which may return what ends it.

import { go, here, href, pathOf, query, write } from "./address_bar.js";

export { go, here, href };

const VIEWS = [
  [/^\/$/, "runs", []],
  [/^\/runs\/([^/]+)$/, "run", ["run"]],
  [/^\/runs\/([^/]+)\/tasks\/(.+)$/, "task", ["run", "task"]],
  [/^\/runs\/([^/]+)\/task$/, "task", ["run"]],
  [/^\/dags$/, "dags", []],
  [/^\/dags\/([^/]+)$/, "dag", ["name"]],
  [/^\/workers$/, "workers", []],
  [/^\/queues$/, "queues", []],
  [/^\/dead$/, "dead", []],
  [/^\/system$/, "system", []],
];

/** Return the view of a path below the root, and the names in it; null if there is none. */
export function viewOf(path) {
  for (const [pattern, view, names] of VIEWS) {
    const match = pattern.exec(path);
    if (match === null) continue;
    try {
      const values = match.slice(1).map(decodeURIComponent);
      return { view, names: Object.fromEntries(names.map((name, at) => [name, values[at]])) };
    } catch {
      return null; // a broken escape
    }
  }
  return null;
}

/** The part of an address that views read and change. */
export class Place {
  constructor(names, main, reopen) {
    this.names = names;
    this.main = main;
    this.query = query();
    this.reopen = reopen;
  }

  /** Return a parameter of the address, or the default. */
  get(name, otherwise = "") {
    return this.query.get(name) ?? otherwise;
  }

  /** Change parameters; an empty one is left out. `keep`: do not make a new entry of the history. */
  set(changes, { keep = false } = {}) {
    for (const [name, value] of Object.entries(changes)) {
      if (value === null || value === "" || value === undefined) this.query.delete(name);
      else this.query.set(name, value);
    }
    write(this.query, keep);
  }
}

/** Open views as the address says, now and when it changes. `show(view, place)` opens one. */
export function start(show) {
  const open = () => show(viewOf(here()), (names, element) => new Place(names, element, open));
  addEventListener("popstate", open);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
    if (!link || !plain || link.target || link.hasAttribute("download")) return;
    const path = pathOf(link);
    if (path === null || viewOf(path) === null) return;
    event.preventDefault();
    history.pushState(null, "", link.href);
    open();
  });
  open();
}
