// The live workers, and whether a scheduler leads.

import { fill, h } from "../dom.js";
import { counted } from "../format.js";
import { damagedItems, filters, live, noMatch, refill, row, table } from "../lists.js";
import { copied, empty } from "../parts.js";

const FILTERS = ["queue", "host", "app"];

function busy(worker) {
  if (worker.busy === null) return "unknown";
  const more = worker.busy_async ? ` + ${worker.busy_async} async` : "";
  return `${worker.busy} of ${worker.processes}${more}`;
}

function perMinute(worker) {
  if (worker.ended_per_minute === null) return "unknown";
  return Object.values(worker.ended_per_minute).reduce((sum, rate) => sum + rate, 0).toFixed(0);
}

function entry(worker, withShard) {
  const versions = [worker.app_version, ...worker.other_versions].filter(Boolean).join(", ");
  return row(
    [
      copied(worker.worker),
      withShard ? worker.shard : null,
      `${worker.host}, process ${worker.pid}`,
      worker.app,
      worker.queues.join(", "),
      [busy(worker), "number"],
      [worker.waiting ? String(worker.waiting) : "", "number"],
      [perMinute(worker), "number"],
      versions,
    ].filter((cell) => withShard || cell !== null),
    { name: worker.worker },
  );
}

function scheduler(workers) {
  if (workers.scheduler) return h("p", {}, "✓ A scheduler leads", workers.shards > 1 ? ` each of ${workers.shards} shards.` : ".");
  const where = workers.shards > 1 ? ` of shard ${workers.shards_without.join(", ")}` : "";
  return h("div", { class: "problem", role: "alert" }, empty(`✗ No scheduler${where} leads: no further task starts. Start one:`, "flowkit-scheduler"));
}

/** Open the view. Returns what ends it. */
export async function open(place) {
  document.title = "Workers · flowkit";
  const list = h("section", { "aria-label": "Workers" });
  fill(
    place.main,
    h("h1", {}, "Workers"),
    filters(place, [
      { name: "queue", label: "Name of a queue", search: true },
      { name: "host", label: "Name of a machine" },
      { name: "app", label: "Name of an app" },
    ]),
    list,
  );
  const isNarrowed = FILTERS.some((name) => place.get(name));
  return live(place, "/live/workers", Object.fromEntries(FILTERS.map((name) => [name, place.get(name)])), (workers) => {
    const withShard = workers.shards > 1;
    const heads = ["Worker", ...(withShard ? ["Shard"] : []), "Machine", "App", "Queues", ["Busy", "number"], ["Waiting for runs", "number"], ["Per minute", "number"], "Version of the app"];
    const none = isNarrowed ? noMatch("No worker matches.") : empty("No worker is running, so tasks wait. Start one:", "flowkit-worker --app FILE.py");
    refill(
      list,
      scheduler(workers),
      workers.items.length > 0 ? table("Workers", heads, workers.items.map((worker) => entry(worker, withShard))) : none,
      h("p", { class: "note" }, workers.more ? `${counted(workers.matching, "worker")} in all.` : ""),
      damagedItems(workers.damaged),
    );
  });
}
