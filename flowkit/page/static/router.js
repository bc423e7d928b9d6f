// Which view an address opens. Every filter and tab is in the address, so that it can be sent on
// and the back key works. A view is a module with `open(place)`, which may return what ends it.

const { root } = document.documentElement.dataset;

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

/** Return a path below the root as the browser needs it. */
export const href = (path) => root + path;

/** Return the path of the address bar, below the root. */
export const here = () => location.pathname.slice(root.length) || "/";

/** The part of an address that views read and change. */
export class Place {
  constructor(names, main, reopen) {
    this.names = names;
    this.main = main;
    this.query = new URLSearchParams(location.search);
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
    const text = this.query.toString();
    const to = location.pathname + (text && `?${text}`);
    if (keep) history.replaceState(null, "", to);
    else history.pushState(null, "", to);
  }
}

/** Open views as the address says, now and when it changes. `show(view, place)` opens one. */
export function start(main, show) {
  const open = () => show(viewOf(here()), (names) => new Place(names, main, open));
  addEventListener("popstate", open);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
    if (!link || !plain || link.target || link.hasAttribute("download")) return;
    if (link.origin !== location.origin || viewOf(link.pathname.slice(root.length)) === null) return;
    if (link.getAttribute("href").startsWith("#")) return;
    event.preventDefault();
    history.pushState(null, "", link.href);
    open();
  });
  open();
}

/** Go to a path below the root. */
export function go(path) {
  history.pushState(null, "", href(path));
  dispatchEvent(new PopStateEvent("popstate"));
}
