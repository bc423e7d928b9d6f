// What happened to a run: who did what and when, and each attempt.

import { follow, part } from "../api.js";
import { fill, h } from "../dom.js";
import { after, isTrouble, lookOf, who } from "../events.js";
import { number } from "../format.js";
import { refill, row, table } from "../lists.js";
import { clock, copied, empty } from "../parts.js";
import { href } from "../router.js";
import { STATES } from "../states.js";
import { taskPath } from "../task_paths.js";

const HEADS = ["When", "What", "Who"];

/** Return the error of an event with its traceback, folded. */
export function fault(event, open = false) {
  if (!event.error) return null;
  if (!event.traceback) return h("p", { class: "problem message" }, event.error);
  return h(
    "details",
    { class: "fault", open, "data-name": `${event.task} ${event.attempt}` },
    h("summary", { class: "problem message" }, event.error.slice(0, 500)),
    h("pre", { tabindex: 0 }, event.traceback),
  );
}

function described(event, runId) {
  const text = event.error ? event.text.replace(`: ${event.error}`, "") : event.text;
  if (!event.task || !text.startsWith(event.task)) return text;
  const to = href(taskPath(runId, event.task));
  return [h("a", { href: to }, event.task), text.slice(event.task.length)];
}

function entry(event, runId) {
  const look = lookOf(event);
  const symbol = h("span", { class: "state", "data-state": look, "aria-hidden": "true" }, STATES[look]?.symbol ?? "·", " ");
  return row(
    [[clock(event.at), "short"], [[symbol, described(event, runId), fault(event)], "message"], who(event)],
    { state: look, name: `${event.at} ${event.what} ${event.task} ${event.attempt}` },
  );
}

/** Open the tab. `task`: of this task only. */
export function open({ element, place, run, task = null }) {
  let events = [];
  let matching = 0;
  const list = h("section", { "aria-label": "History" });
  const show = () => {
    const sought = place.get("q").toLowerCase();
    const onlyTrouble = place.get("trouble") === "true";
    const shown = events
      .filter((event) => (!onlyTrouble || isTrouble(event)) && event.text.toLowerCase().includes(sought))
      .toReversed();
    refill(
      list,
      shown.length > 0 ? table("Events, newest first", HEADS, shown.map((event) => entry(event, run.id))) : empty("No event matches."),
      matching > events.length
        ? h("p", { class: "note" }, `${number(matching - events.length)} earlier events: `, copied(`flowkit history ${run.id} --limit ${matching}`))
        : null,
    );
  };
  const filters = h(
    "form",
    { class: "filters", role: "search", submit: (event) => event.preventDefault() },
    h("input", {
      type: "search",
      "aria-label": "Search in the history",
      placeholder: "Search",
      value: place.get("q"),
      "data-search": true,
      input: (event) => {
        place.set({ q: event.target.value }, { keep: true });
        show();
      },
    }),
    h(
      "label",
      {},
      h("input", {
        type: "checkbox",
        checked: place.get("trouble") === "true",
        change: (event) => {
          place.set({ trouble: event.target.checked ? "true" : "" });
          show();
        },
      }),
      " Only trouble",
    ),
  );
  fill(element, filters, list);
  return follow(`/live/runs/${part(run.id)}/history`, { task }, (told) => {
    if (told.gone || told.trouble) return;
    events = after(events, told);
    matching = told.matching;
    show();
  });
}
