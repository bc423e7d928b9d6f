// Runs: newest first, with filters, counts by state, and pages.

import { get, whoAmI } from "../api.js";
import { fill, h } from "../dom.js";
import { counted, number, span } from "../format.js";
import { WINDOWS, dagLink, damagedItems, filters, live, noMatch, refill, row, table } from "../lists.js";
import { manyRunsButtons } from "../many_runs.js";
import { bar, copied, empty, soFar, state, time } from "../parts.js";
import { href } from "../router.js";
import { standing } from "../states.js";

const STATES = ["running", "succeeded", "failed", "cancelled"];
const MATCHING = ["dag", "q", "since", "until", "children"]; // what the counts by state obey, too
const FILTERS = [...MATCHING, "state", "param", "before", "limit"];
const HEADS = ["State", "DAG", "Run", "Submitted", ["Took", "number"], ["Tasks", "number"], "States of tasks"];
const CHILDREN = [["", "Without child runs"], ["true", "With child runs"]];
const RECOUNT_MS = 10_000; // between two counts while the list changes: they take longer than the list
const AGES = [["", "Until now"], ["3600", "Older than 1 hour"], ["86400", "Older than 1 day"], ["604800", "Older than 1 week"]];

const NONE_RUNS = "None of its tasks runs now. The page of the run says why.";

function stateOf(run) {
  const still = standing(run);
  const shown = state(run.stopping ? "stopping" : run.state);
  return still ? h("span", {}, shown, " ", h("span", { class: "note", title: NONE_RUNS }, still)) : shown;
}

const entry = (run) =>
  row(
    [
      stateOf(run),
      dagLink(run.dag),
      copied(run.run_id, href(`/runs/${encodeURIComponent(run.run_id)}`)),
      time(run.submitted),
      [run.duration === null && run.submitted ? soFar(run.submitted) : span(run.duration), "number"],
      [number(run.total), "number"],
      [bar(run.counts), "wide"],
    ],
    { state: run.state, name: run.run_id },
  );

/** Return links that choose a state, with how many runs are in it. */
function states(place, counts) {
  const chosen = place.get("state");
  const choose = (name) => () => {
    place.set({ state: name, before: "" });
    place.reopen();
  };
  const all = Object.values(counts?.states ?? {}).reduce((sum, count) => sum + count, 0);
  const suffix = counts?.cut_short ? "+" : "";
  const button = (name, label, count) =>
    h(
      "button",
      { type: "button", "aria-pressed": String(chosen === name), click: choose(name) },
      label,
      counts ? h("span", { class: "count" }, ` ${number(count)}${count ? suffix : ""}`) : null,
    );
  return h(
    "div",
    { class: "states", role: "group", "aria-label": "State", title: counts?.cut_short ? "Only the newest 10,000 runs of each shard were counted." : null },
    button("", "All", all),
    STATES.map((name) => button(name, state(name), counts?.states[name] ?? 0)),
  );
}

function pages(place, runs) {
  const turn = (before) => () => {
    place.set({ before });
    place.reopen();
    scrollTo(0, 0);
  };
  const isFirst = !place.get("before");
  return h(
    "p",
    { class: "pages" },
    isFirst ? null : h("button", { type: "button", click: turn("") }, "Newest"),
    runs.next ? h("button", { type: "button", click: turn(runs.next) }, "Older") : null,
    h("span", { class: "note" }, summary(runs, isFirst)),
  );
}

function summary(runs, isFirst) {
  const shown = counted(runs.items.length, "run");
  const bound = runs.cut_short ? " Older runs were not searched." : "";
  if (!isFirst || !runs.more) return `${shown}${isFirst ? "" : " of an older page"}.${bound}`;
  return `The newest ${shown}${runs.matching === null ? "; there are more" : ` of ${number(runs.matching)}`}.${bound}`;
}

/** Open the view. Returns what ends it. */
export async function open(place) {
  document.title = "Runs · flowkit";
  const list = h("section", { "aria-label": "Runs" });
  const byState = h("div", {}, states(place, null));
  const acting = h("div");
  fill(
    place.main,
    h("h1", {}, "Runs"),
    byState,
    filters(place, [
      { name: "q", label: "Id, DAG or submitter", search: true },
      { name: "dag", label: "Name of a DAG" },
      { name: "param", label: "Parameter: NAME=VALUE" },
      { name: "since", label: "Submitted within", choices: WINDOWS },
      { name: "until", label: "Submitted before", choices: AGES },
      { name: "children", label: "Child runs", choices: CHILDREN },
    ]),
    acting,
    list,
  );
  const of = (names) => Object.fromEntries(names.map((name) => [name, place.get(name)]));
  let shown = "";
  const count = async () => {
    try {
      const counts = await get("/run-counts", of(MATCHING));
      if (JSON.stringify(counts) === shown) return;
      shown = JSON.stringify(counts);
      const focused = [...byState.querySelectorAll("button")].indexOf(document.activeElement);
      fill(byState, states(place, counts));
      byState.querySelectorAll("button")[focused]?.focus();
    } catch {
      // the list says what is wrong
    }
  };
  whoAmI().then(({ acts }) => acts && fill(acting, manyRunsButtons(place)), () => {});
  let due = null; // the timer of a count
  let begun = -Infinity; // when the last one began, in ms
  const recount = () => {
    due ??= setTimeout(() => {
      due = null;
      begun = performance.now();
      count();
    }, Math.max(0, begun + RECOUNT_MS - performance.now()));
  };
  const end = live(place, "/live/runs", of(FILTERS), (runs) => {
    recount(); // after the list
    const none = place.query.size > 0 ? noMatch("No run matches.") : empty("There are no runs yet. Submit one:", "flowkit submit FILE.py");
    refill(list, runs.items.length > 0 ? table("Runs", HEADS, runs.items.map(entry)) : none, pages(place, runs), damagedItems(runs.damaged));
  });
  return () => {
    clearTimeout(due);
    end();
  };
}
