// Tasks that failed for good, grouped by their error.

import { whoAmI } from "../api.js";
import { fill, h } from "../dom.js";
import { counted } from "../format.js";
import { grouped, tasksByRun } from "../grouping.js";
import { WINDOWS, actOnMany, ask, damagedItems, filters, live, noMatch, refill, row, table } from "../lists.js";
import { empty, time } from "../parts.js";
import { href } from "../router.js";
import { taskPath } from "../task_paths.js";

const LIMIT = 1000;
const SHOWN = 50;
const MOST_RUNS = 500;
const HEADS = ["Task", "Run", "DAG", "Failed", ["Attempts", "number"], "Message"];
const path = (...parts) => href("/" + parts.map(encodeURIComponent).join("/"));

async function retry(letters) {
  const runs = tasksByRun(letters);
  const ids = Object.keys(runs).slice(0, MOST_RUNS);
  const alone = letters.filter((letter) => letter.at_most_once).length;
  const yes = await ask(
    `Retry ${counted(letters.length, "task")}?`,
    [
      `This resumes ${counted(ids.length, "run")} from these tasks.`,
      ids.length < Object.keys(runs).length ? `Only the first ${MOST_RUNS} runs are resumed now.` : "",
      alone ? `${counted(alone, "task")} of them must not start twice by themselves. Check first whether their work was done.` : "",
    ],
    "Retry",
  );
  if (yes) await actOnMany("/dead/retry", { runs: Object.fromEntries(ids.map((id) => [id, runs[id]])) }, "Retried tasks of");
}

function entry(letter) {
  const label = letter.label ? ` (${letter.label})` : "";
  return row(
    [
      h("a", { href: href(taskPath(letter.run_id, letter.task)) }, letter.task + label),
      h("a", { href: path("runs", letter.run_id) }, h("code", {}, letter.run_id)),
      letter.dag,
      time(letter.failed),
      [letter.attempt ? String(letter.attempt) : "", "number"],
      [letter.error_message.slice(0, 300), "message"],
    ],
    { state: "failed", name: `${letter.run_id} ${letter.task}` },
  );
}

function group(found, acts) {
  const { letters, runs, newest, key } = found;
  const shown = letters.slice(0, SHOWN);
  const more = letters.length - shown.length;
  return h(
    "details",
    { class: "group", "data-name": key },
    h(
      "summary",
      {},
      h("span", { class: "state", "data-state": "failed" }, h("span", { "aria-hidden": "true" }, "✗"), ` ${counted(letters.length, "task")}`),
      h("span", { class: "message" }, h("strong", {}, newest.error_type), `: ${newest.error_message.split("\n", 1)[0].slice(0, 200)}`),
      h("span", { class: "note" }, `${counted(runs.size, "run")}, newest `, time(newest.failed)),
    ),
    acts ? h("p", {}, h("button", { type: "button", click: () => retry(letters) }, `Retry ${counted(letters.length, "task")}`)) : null,
    table(`Tasks that failed with ${newest.error_type}`, HEADS, shown.map(entry)),
    more > 0 ? h("p", { class: "note" }, `and ${counted(more, "more task", "more tasks")}`) : null,
  );
}

/** Open the view. Returns what ends it. */
export async function open(place) {
  document.title = "Dead letters · flowkit";
  const list = h("section", { "aria-label": "Dead letters" });
  fill(
    place.main,
    h("h1", {}, "Dead letters"),
    h("p", { class: "note" }, "Tasks that failed for good, by error."),
    filters(place, [
      { name: "dag", label: "Name of a DAG", search: true },
      { name: "since", label: "Failed within", choices: WINDOWS },
      { name: "q", label: "Part of the error or the task" },
    ]),
    list,
  );
  const { acts } = await whoAmI();
  const sought = place.get("q").toLowerCase();
  const fits = (letter) => `${letter.error_type}: ${letter.error_message} ${letter.task}`.toLowerCase().includes(sought);
  const query = { dag: place.get("dag"), since: place.get("since"), limit: LIMIT, items: true };
  return live(place, "/live/dead", query, (letters) => {
    const groups = grouped(letters.items.filter(fits));
    const none = place.query.size > 0 ? noMatch("No failed task matches.") : empty("✓ No task has failed for good.");
    refill(
      list,
      groups.length > 0 ? groups.map((found) => group(found, acts)) : none,
      letters.more ? h("p", { class: "note" }, `The newest ${counted(letters.items.length, "failure")}; there are more.`) : null,
      damagedItems(letters.damaged),
    );
  });
}
