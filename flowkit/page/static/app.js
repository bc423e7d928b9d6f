// The frame of all views: the header, the view of the address, and what every view has.

import { fill, h } from "./dom.js";
import { freshen } from "./parts.js";
import { href, here, start } from "./router.js";
import { listen } from "./keys.js";

const SECTIONS = [
  ["/", "Runs"],
  ["/dags", "DAGs"],
  ["/workers", "Workers"],
  ["/queues", "Queues"],
  ["/dead", "Dead letters"],
  ["/system", "System"],
];

const FRESH_MS = 5_000; // between two changes of "3 min ago"
let close = () => {};

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
  header();
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

listen();
setInterval(() => document.hidden || freshen(), FRESH_MS);
start(document.getElementById("main"), show);
