// The address bar: the path and the query of a view, below the root. The file of an exported run has
// `recorded/address_bar.js` instead, which exports the same names.

const { root } = document.documentElement.dataset;

/** Whether there is more than one run: the views of DAGs can be reached. */
export const hasDags = true;

/** Return a path below the root as the browser needs it. */
export const href = (path) => root + path;

/** Return the path of the address bar, below the root. */
export const here = () => location.pathname.slice(root.length) || "/";

/** Return the query of the address bar. */
export const query = () => new URLSearchParams(location.search);

/** Change the query. `keep`: do not make a new entry of the history. */
export function write(parameters, keep) {
  const text = parameters.toString();
  const to = location.pathname + (text && `?${text}`);
  if (keep) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
}

/** Return the path below the root that a link leads to; null if it stays here, or leads elsewhere. */
export function pathOf(link) {
  if (link.origin !== location.origin || link.getAttribute("href").startsWith("#")) return null;
  return link.pathname.slice(root.length);
}

/** Go to a path below the root. */
export function go(path) {
  history.pushState(null, "", href(path));
  dispatchEvent(new PopStateEvent("popstate"));
}
