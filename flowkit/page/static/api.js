// Talking to the API: reading, acting, and the one live stream of a page.
//
// All answers come through here. The file of an exported run has `recorded/api.js` instead, which
// exports the same names and answers from the data of the file.

import { Refused, address, part } from "./addresses.js";
import { kept } from "./private.js";
import { stream } from "./stream.js";

export { Refused, address, part };

const root = document.documentElement.dataset.root;
const API = `${root}${kept(root)}/api/v1`;
let session = null;

async function documentOf(response) {
  const text = await response.text();
  let data = null;
  try {
    data = JSON.parse(text);
  } catch {
    throw new Refused(response.status, "NoDocument", `The server answered ${response.status}.`);
  }
  if (!response.ok) throw new Refused(response.status, data.type, data.message, data.parameter);
  return data;
}

/** Read a document. */
export async function get(path, query, signal) {
  return documentOf(await fetch(API + address(path, query), { signal }));
}

/** Return the address of an answer that is saved as a file; null if there are no files. */
export const fileAddress = (path, query) => API + address(path, query);

/** Carry out an action. */
export async function act(path, body = {}, method = "POST", query = {}) {
  const { csrf } = await whoAmI();
  const headers = { "Content-Type": "application/json", "X-Flowkit-CSRF": csrf };
  return documentOf(await fetch(API + address(path, query), { method, headers, body: JSON.stringify(body) }));
}

/** End the session, and leave the page. */
export async function logOut() {
  await act("/session", {}, "DELETE");
  location.replace(`${root}/`);
}

/** Return what this session may do. All who ask share one answer. */
export function whoAmI() {
  session ??= get("/session").catch((error) => {
    session = null; // the next one asks again
    throw error;
  });
  return session;
}

async function refusal(at) {
  const ended = new AbortController();
  const response = await fetch(at, { signal: ended.signal });
  if (response.ok) ended.abort();
  else await documentOf(response);
}

/**
 * Follow a stream. `hear` gets each event; `lost` gets what is wrong, {text, login}, and null when
 * all is well. The stream is closed while the tab is hidden, and continues where it was. Returns a
 * function that ends it.
 */
export function follow(path, query, hear, lost = () => {}) {
  return stream((cursor) => API + address(path, { ...query, cursor }), hear, lost, refusal);
}
