// The frame of a page: its header, and the view of the address.

import { fill, h } from "./dom.js";
import { listen } from "./keys.js";
import { start } from "./router.js";

let close = () => {};

async function show(found, placeOf) {
  const main = document.getElementById("main");
  close();
  close = () => {};
  if (found === null) {
    fill(main, h("h1", {}, "Not found"), h("p", {}, "There is nothing at this address."));
    return;
  }
  const place = placeOf(found.names);
  try {
    const view = await import(`./views/${found.view}.js`);
    close = (await view.open(place)) ?? (() => {});
  } catch (error) {
    fill(main, h("h1", {}, "This did not work"), h("p", { class: "problem", role: "alert" }, error.message));
  }
}

/** Open the view of the address, now and when it changes. `header()` shows what is above each view. */
export function begin(header) {
  listen();
  start(document.getElementById("main"), (found, placeOf) => {
    header();
    return show(found, placeOf);
  });
}
