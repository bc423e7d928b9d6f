// The frame of all views: the header, the view of the address, and what every view has.

import { fill, h } from "./dom.js";
import { href, here, start } from "./router.js";
import { listen } from "./keys.js";
import { tick } from "./parts.js";

const SECTIONS = [
  ["/", "Runs"],
  ["/dags", "DAGs"],
  ["/workers", "Workers"],
  ["/queues", "Queues"],
  ["/dead", "Dead letters"],
  ["/system", "System"],
];

let close = () => {};
let turn = 0;

function header() {
  const path = here();
  const isHere = (to) => (to === "/" ? path === "/" || path.startsWith("/runs") : path.startsWith(to));
  fill(
    document.getElementById("top"),
    h("a", { class: "brand", href: href("/") }, "flowkit"),
    h(
      "nav",
      { "aria-label": "Sections" },
      SECTIONS.map(([to, name]) =>
        h("a", { href: href(to), "aria-current": isHere(to) ? "page" : null }, name),
      ),
    ),
    h("button", { class: "quiet", title: "Keys (?)", "aria-label": "Show the keys", "data-key": "?" }, "?"),
  );
}

async function show(found, placeOf) {
  const main = document.getElementById("main");
  close();
  close = () => {};
  turn += 1;
  const mine = turn;
  header();
  if (found === null) {
    fill(main, h("h1", {}, "Not found"), h("p", {}, "There is nothing at this address."));
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

listen();
setInterval(() => document.hidden || tick(), 1000);
start(show);
