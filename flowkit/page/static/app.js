// The page of a dashboard: the header of all views.

import { fill, h } from "./dom.js";
import { logOut, whoAmI } from "./api.js";
import { begin } from "./frame.js";
import { href, here } from "./router.js";

const SECTIONS = [
  ["/", "Runs"],
  ["/dags", "DAGs"],
  ["/workers", "Workers"],
  ["/queues", "Queues"],
  ["/dead", "Dead letters"],
  ["/system", "System"],
];

let mayLogOut = false;

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
    mayLogOut ? h("button", { class: "quiet", click: logOut }, "Log out") : null,
    h("button", { class: "quiet", title: "Keys (?)", "aria-label": "Show the keys", "data-key": "?" }, "?"),
  );
}

begin(header);
whoAmI().then(
  (session) => {
    mayLogOut = session.logs_out;
    header();
  },
  () => {}, // the view says what is wrong
);
