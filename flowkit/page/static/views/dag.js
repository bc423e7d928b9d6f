// One DAG: how its newest runs and its tasks went.

import { get, part, whoAmI } from "../api.js";
import { runBars, spreadBar } from "../charts.js";
import { quoted } from "../commands.js";
import { fill, h } from "../dom.js";
import { counted, number, span } from "../format.js";
import { damagedItems, row, table } from "../lists.js";
import { bar, copied, empty } from "../parts.js";
import { go, href } from "../router.js";
import { visible } from "../visible.js";

const RUNS = 100;
const SORTS = {
  median: ["Slowest median", (task) => task.took?.p50 ?? 0],
  longest: ["Longest", (task) => task.took?.longest ?? 0],
  failed: ["Most failures", (task) => task.failed],
  retried: ["Most retries", (task) => task.retried],
};
const HEADS = ["Task", "Duration: 10 % to 90 %, median", ["Median", "number"], ["90 %", "number"], ["99 %", "number"], ["Longest", "number"], ["Ended", "number"], ["Failed", "number"], ["Retried", "number"]];

function entry(task, least, most) {
  const took = task.took ?? {};
  return row(
    [
      h("span", {}, task.task, task.mapped ? h("span", { class: "note" }, " mapped, each item counts") : null),
      [task.took ? spreadBar(task.took, least, most) : "", "chart"],
      ...[took.p50, took.p90, took.p99, took.longest].map((length) => [span(length), "number"]),
      [number(task.ended), "number"],
      [task.failed ? `✗ ${number(task.failed)}` : "0", "number"],
      [number(task.retried), "number"],
    ],
    { state: task.failed ? "failed" : null, name: task.task },
  );
}

function tasks(place, document) {
  if (document.items.length === 0) return empty("No run of this DAG is stored.");
  const sort = SORTS[place.get("sort")] ? place.get("sort") : "median";
  const ordered = document.items.toSorted((a, b) => SORTS[sort][1](b) - SORTS[sort][1](a) || (a.task < b.task ? -1 : 1));
  const known = ordered.filter((task) => task.took);
  const least = Math.max(0.001, Math.min(...known.map((task) => task.took.p10)) / 1.2);
  const most = Math.max(least * 2, ...known.map((task) => task.took.p99));
  const choose = (event) => {
    place.set({ sort: event.target.value });
    place.reopen();
  };
  return [
    h(
      "p",
      { class: "filters" },
      h("select", { "aria-label": "Order", change: choose }, Object.entries(SORTS).map(([name, [text]]) => h("option", { value: name, selected: name === sort }, text))),
    ),
    table("Tasks", HEADS, ordered.map((task) => entry(task, least, most))),
    known.length > 0 ? h("p", { class: "note" }, `The bars are on one logarithmic scale, from ${span(least)} to ${span(most)}.`) : null,
  ];
}

function runs(document, name) {
  const states = {};
  for (const run of document.items) states[run.state] = (states[run.state] ?? 0) + 1;
  const list = href(`/?dag=${encodeURIComponent(name)}`);
  return [
    runBars(document.items, { kind: "runs", open: (run) => go(`/runs/${encodeURIComponent(run.run_id)}`) }),
    bar(states),
    h("p", { class: "note" }, `The newest ${counted(document.items.length, "run")}, the newest at the right: the height is the duration, ✗ one that failed, dashed one that is not over. `, h("a", { href: list }, "All runs of this DAG")),
  ];
}

function submitButton(name) {
  const open = async () => (await import("../submit_form.js")).openForm("/dag-form", { dag: name });
  return h("button", { click: open }, "Submit…");
}

/** Open the view. */
export async function open(place) {
  const { name } = place.names;
  document.title = visible(`${name} · flowkit`);
  const [newest, activity, { acts }] = await Promise.all([
    get("/runs", { dag: name, limit: RUNS }),
    get(`/task-activity/${part(name)}`, { runs: 20, limit: 500 }),
    whoAmI(),
  ]);
  const none = empty("There is no stored run of this DAG. Submit one:", "flowkit submit FILE.py");
  fill(
    place.main,
    h("h1", {}, h("a", { class: "note", href: href("/dags") }, "DAGs"), " / ", name),
    newest.items.length === 0 ? none : [
      acts ? h("p", { class: "actions" }, submitButton(name)) : null,
      h("h2", {}, "Runs"),
      h("section", { "aria-label": "Runs" }, runs(newest, name)),
      h("h2", {}, "Tasks, in the newest 20 runs"),
      h("section", { "aria-label": "Tasks" }, tasks(place, activity)),
      activity.cut_short ? h("p", { class: "note" }, "Some runs were not counted.") : null,
      h("p", {}, copied(`flowkit dags -- ${quoted(name)}`)),
    ],
    damagedItems(activity.damaged),
  );
}
