// The frame of a page: its header, and the view of the address.

import { fill, h } from "./dom.js";
import { listen } from "./keys.js";
import { tick } from "./parts.js";
import { href, start } from "./router.js";

let close = () => {};
let turn = 0;

async function show(found, placeOf) {
  const main = document.getElementById("main");
  close();
  close = () => {};
  turn += 1;
  const mine = turn;
  if (found === null) {
    fill(main, h("h1", {}, "Not found"), h("p", {}, "There is nothing at this address. ", h("a", { href: href("/") }, "Show the runs")));
    return;
  }
  // Each view gets its own element, so nothing of a view that the reader has left is seen.
  const element = h("div", {});
  try {
    const view = await import(`./views/${found.view}.js`);
    if (mine !== turn) return;
    fill(main, element);
    const end = (await view.open(placeOf(found.names, element))) ?? (() => {});
    if (mine === turn) close = end;
    else end();
  } catch (error) {
    if (mine !== turn) return;
    fill(main, element);
    fill(element, h("h1", {}, "This did not work"), h("p", { class: "problem", role: "alert" }, error.message));
  }
}

/** Open the view of the address, now and when it changes. `header()` shows what is above each view. */
export function begin(header) {
  listen();
  setInterval(() => document.hidden || tick(), 1000);
  start((found, placeOf) => {
    header();
    return show(found, placeOf);
  });
}
