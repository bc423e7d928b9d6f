// The DAGs that have runs: how these went.

import { get } from "../api.js";
import { runBars } from "../charts.js";
import { fill, h } from "../dom.js";
import { counted, number, span } from "../format.js";
import { WINDOWS, damagedItems, filters, noMatch, row, table } from "../lists.js";
import { bar, empty, time } from "../parts.js";
import { href } from "../router.js";

const RUNS = 1000;
const HEADS = ["DAG", "Newest run", ["Runs", "number"], "Their states", ["Failed", "number"], ["Median", "number"], ["90 %", "number"], "Newest runs: duration"];

/** Return a failure rate as text, with a sign that needs no colour. */
export function rate(value) {
  if (value === null) return "";
  return value > 0 ? `✗ ${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %` : "0 %";
}

function entry(dag) {
  return row(
    [
      h("a", { href: href(`/dags/${encodeURIComponent(dag.dag)}`) }, dag.dag),
      time(dag.recent[0]?.submitted),
      [number(dag.runs), "number"],
      [bar(dag.states), "wide"],
      [rate(dag.failure_rate), "number"],
      [span(dag.took?.p50), "number"],
      [span(dag.took?.p90), "number"],
      [runBars(dag.recent), "chart"],
    ],
    { state: dag.recent[0]?.state, name: dag.dag },
  );
}

/** Open the view. */
export async function open(place) {
  document.title = "DAGs · flowkit";
  const list = h("section", { "aria-label": "DAGs" });
  fill(
    place.main,
    h("h1", {}, "DAGs"),
    filters(place, [{ name: "q", label: "Part of a name", search: true }, { name: "since", label: "Submitted within", choices: WINDOWS }]),
    list,
  );
  const dags = await get("/dags", { runs: RUNS, since: place.get("since") });
  const shown = dags.items.filter((dag) => dag.dag.toLowerCase().includes(place.get("q").toLowerCase()));
  const none = place.query.size > 0 ? noMatch("No DAG matches.") : empty("There are no runs yet. Submit one:", "flowkit submit FILE.py");
  fill(
    list,
    shown.length > 0 ? table("DAGs", HEADS, shown.map(entry)) : none,
    dags.cut_short ? h("p", { class: "note" }, `Of the newest ${counted(RUNS, "run")}. To count more: flowkit dags --runs N`) : null,
    damagedItems(dags.damaged),
  );
}
