// Talking to the API: reading, acting, and the one live stream of a page.

const root = document.documentElement.dataset.root;
const API = `${root}/api/v1`;
let session = null;

/** An answer that is not the document that was asked for. */
export class Refused extends Error {
  constructor(status, type, message) {
    super(message);
    this.status = status;
    this.type = type;
  }
}

/** Return the address of a path with its query, without what is empty. */
export function address(path, query = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const part of [value].flat()) {
      if (part !== null && part !== undefined && part !== "") parameters.append(name, part);
    }
  }
  const text = parameters.toString();
  return text ? `${path}?${text}` : path;
}

/** Return the part of a path for a name that anybody may have chosen. */
export const part = (name) => encodeURIComponent(name);

async function documentOf(response) {
  const text = await response.text();
  let data = null;
  try {
    data = JSON.parse(text);
  } catch {
    throw new Refused(response.status, "NoDocument", `The server answered ${response.status}.`);
  }
  if (!response.ok) throw new Refused(response.status, data.type, data.message);
  return data;
}

/** Read a document. */
export async function get(path, query, signal) {
  return documentOf(await fetch(API + address(path, query), { signal }));
}

/** Carry out an action. */
export async function act(path, body = {}, method = "POST", query = {}) {
  session ??= await get("/session");
  const headers = { "Content-Type": "application/json", "X-Flowkit-CSRF": session.csrf };
  return documentOf(await fetch(API + address(path, query), { method, headers, body: JSON.stringify(body) }));
}

/** Return what this session may do. */
export async function whoAmI() {
  session ??= await get("/session");
  return session;
}

/**
 * Follow a stream. `hear` gets each event; `lost` is told while the server is away. The stream is
 * closed while the tab is hidden, and goes on where it was. Returns a function that ends it.
 */
export function follow(path, query, hear, lost = () => {}) {
  let source = null;
  let cursor = null;
  const open = () => {
    if (source !== null || document.hidden) return;
    source = new EventSource(API + address(path, { ...query, cursor }));
    source.addEventListener("message", (event) => {
      cursor = event.lastEventId || cursor;
      lost(false);
      hear(JSON.parse(event.data));
    });
    source.addEventListener("error", () => lost(true));
  };
  const close = () => {
    source?.close();
    source = null;
  };
  const change = () => (document.hidden ? close() : open());
  document.addEventListener("visibilitychange", change);
  open();
  return () => {
    document.removeEventListener("visibilitychange", change);
    close();
  };
}
