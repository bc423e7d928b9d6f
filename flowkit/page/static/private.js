// The random path of the API that the cookie is for. Servers on other ports of this host get the
// cookies of it too, but cannot read this storage: they would need the path to get that cookie.

const name = (root) => `flowkit ${root}`;

/** Keep the path for all pages of this dashboard. */
export function keep(root, path) {
  localStorage.setItem(name(root), path);
}

/** Return the path, empty if the app around the dashboard lets in. */
export function kept(root) {
  try {
    return localStorage.getItem(name(root)) ?? "";
  } catch {
    return "";
  }
}
