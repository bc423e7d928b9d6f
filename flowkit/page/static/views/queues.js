// What waits in each queue, since when, and who serves it.

import { depthLine } from "../charts.js";
import { fill, h } from "../dom.js";
import { number, span } from "../format.js";
import { damagedItems, filters, live, noMatch, refill, row, table } from "../lists.js";
import { empty } from "../parts.js";
import { href } from "../router.js";

const HEADS = ["Queue", ["Waiting", "number"], "Waiting over time", ["Oldest", "number"], ["Per minute", "number"], ["Mean", "number"], "Served by", ["Delayed", "number"]];

const orUnknown = (value, text) => (value === null ? "unknown" : text);

function waiting(queue) {
  const levels = Object.entries(queue.levels);
  const each = levels.map(([level, count]) => `${count} of priority ${level === "!" ? "alone" : level}`).join(", ");
  return h("span", { title: levels.length > 1 ? each : null }, number(queue.waiting));
}

function servers(queue) {
  if (!queue.workers) return queue.waiting ? h("span", { class: "problem" }, "✗ no worker") : "no worker";
  const busy = queue.busy === null ? "" : `, ${queue.busy} of ${queue.processes} processes busy`;
  const text = `${number(queue.workers)} ${queue.workers === 1 ? "worker" : "workers"}${busy}`;
  return h("a", { href: href(`/workers?queue=${encodeURIComponent(queue.queue)}`) }, text);
}

function entry(queue, depths) {
  return row(
    [
      [[h("strong", {}, queue.queue), queue.problem ? h("p", { class: "problem" }, queue.problem) : null], "name"],
      [waiting(queue), "number"],
      [depths ? depthLine(depths) : "", "chart"],
      [span(queue.oldest_seconds), "number"],
      [queue.workers || queue.per_minute !== null ? orUnknown(queue.per_minute, number(Math.round(queue.per_minute))) : "", "number"],
      [span(queue.mean_seconds), "number"],
      servers(queue),
      [orUnknown(queue.delayed, number(queue.delayed)), "number"],
    ],
    { name: queue.queue },
  );
}

const FITS = {
  waiting: (queue) => queue.waiting > 0,
  stuck: (queue) => queue.problem !== "",
};

/** Open the view. Returns what ends it. */
export async function open(place) {
  document.title = "Queues · flowkit";
  const list = h("section", { "aria-label": "Queues" });
  const choices = [["", "All queues"], ["waiting", "Tasks wait"], ["stuck", "With a problem"]];
  fill(
    place.main,
    h("h1", {}, "Queues"),
    filters(place, [{ name: "q", label: "Part of a name", search: true }, { name: "only", label: "Which queues", choices }]),
    list,
  );
  const fits = FITS[place.get("only")] ?? (() => true);
  let depths = {};
  let since = null;
  return live(place, "/live/queues", {}, (queues) => {
    depths = queues.depths ?? depths;
    since = queues.times?.[0] ?? since;
    const shown = queues.items.filter((queue) => fits(queue) && queue.queue.includes(place.get("q")));
    const none = place.query.size > 0 ? noMatch("No queue matches.") : empty("No task waits, and no worker is running. Start one:", "flowkit-worker --app FILE.py");
    refill(
      list,
      shown.length > 0 ? table("Queues", HEADS, shown.map((queue) => entry(queue, depths[queue.queue]))) : none,
      h("p", { class: "note" }, since ? `Depths since ${new Date(since * 1000).toLocaleTimeString()}, for as long as a page watches, at most half an hour.` : ""),
      queues.cut_short ? h("p", { class: "note" }, "There is more than was counted.") : null,
      damagedItems(queues.damaged),
    );
  });
}
