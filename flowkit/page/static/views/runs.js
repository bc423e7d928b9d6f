// Runs: newest first, with filters.

import { follow, part } from "../api.js";
import { fill, h } from "../dom.js";
import { counted, number, span } from "../format.js";
import { bar, copied, empty, state, time } from "../parts.js";
import { href } from "../router.js";

const CHOICES = ["running", "succeeded", "failed", "cancelled"];
const FILTERS = ["state", "dag", "since", "limit"];

function row(run) {
  const name = run.stopping ? "stopping" : run.state;
  return h(
    "tr",
    { "data-row": true, "data-state": run.state, tabindex: 0 },
    h("td", {}, state(name)),
    h("td", {}, run.dag),
    h("td", {}, copied(run.run_id, href(`/runs/${part(run.run_id)}`))),
    h("td", {}, time(run.submitted)),
    h("td", { class: "number" }, span(run.duration)),
    h("td", { class: "number" }, number(run.total)),
    h("td", { class: "wide" }, bar(run.counts)),
  );
}

function table(runs) {
  const heads = ["State", "DAG", "Run", "Submitted", "Took", "Tasks", "States of tasks"];
  return h(
    "table",
    { class: "list" },
    h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, runs.items.map(row)),
  );
}

function filters(place) {
  const change = (name) => (event) => {
    place.set({ [name]: event.target.value });
    place.reopen();
  };
  const chosen = place.get("state");
  return h(
    "form",
    { class: "filters", role: "search", submit: (event) => event.preventDefault() },
    h(
      "select",
      { "aria-label": "State", change: change("state") },
      h("option", { value: "" }, "All states"),
      CHOICES.map((name) => h("option", { value: name, selected: name === chosen }, name)),
    ),
    h("input", {
      "aria-label": "DAG",
      placeholder: "Name of a DAG",
      value: place.get("dag"),
      "data-search": true,
      change: change("dag"),
    }),
  );
}

/** Open the view. Returns what ends it. */
export async function open(place) {
  document.title = "Runs · flowkit";
  const list = h("section", { "aria-label": "Runs" });
  const note = h("p", { class: "note" });
  fill(place.main, h("h1", {}, "Runs"), filters(place), list, note);
  const query = Object.fromEntries(FILTERS.map((name) => [name, place.get(name)]));
  const hear = (runs) => {
    const focused = document.activeElement?.closest?.("tr")?.rowIndex ?? -1;
    if (runs.items.length > 0) fill(list, table(runs));
    else if (place.query.size > 0) fill(list, empty("No run matches."));
    else fill(list, empty("There are no runs yet. Submit one:", "flowkit submit FILE.py"));
    fill(note, runs.more ? `The newest ${counted(runs.items.length, "run")}; there are more.` : "");
    if (focused > 0) list.querySelectorAll("tr")[focused]?.focus();
  };
  return follow("/live/runs", query, hear, (isLost) => place.main.classList.toggle("lost", isLost));
}
