// The system as a whole: what the doctor finds, the shards and their schedulers, the memory.

import { get } from "../api.js";
import { fill, h } from "../dom.js";
import { bytes, number } from "../format.js";
import { damagedItems, row, table } from "../lists.js";
import { copied, empty } from "../parts.js";
import { href } from "../router.js";

const HEALTH = { ok: ["✓", "succeeded"], unknown: ["?", "skipped"], warning: ["!", "cancelled"], problem: ["✗", "failed"] };

function health(name) {
  const [symbol, state] = HEALTH[name] ?? ["?", "skipped"];
  return h("span", { class: "state", "data-state": state }, h("span", { "aria-hidden": "true" }, symbol), ` ${name}`);
}

function findings(doctor) {
  const withShard = doctor.findings.some((finding) => finding.shard !== null);
  const heads = ["Health", ...(withShard ? ["Shard"] : []), "Subject", "Finding"];
  const entry = (finding) =>
    row(
      [health(finding.health), ...(withShard ? [finding.shard ?? ""] : []), [finding.subject, "short"],
        [[finding.text, finding.advice ? h("p", { class: "note" }, finding.advice) : null], "message"]],
      { state: finding.health === "problem" ? "failed" : null, name: finding.subject },
    );
  return table("Findings", heads, doctor.findings.map(entry));
}

const memoryOf = (dag) =>
  row(
    [
      h("a", { href: href(`/dags/${encodeURIComponent(dag.dag)}`) }, dag.dag),
      [number(dag.runs), "number"],
      [dag.memory === null ? "unknown" : bytes(dag.memory), "number"],
      dag.largest_run ? copied(dag.largest_run) : "",
      [bytes(dag.largest_run_memory), "number"],
    ],
    { name: dag.dag },
  );

function memory(usage) {
  if (usage.items.length === 0) return empty("There are no runs.");
  return table("Memory", ["DAG", ["Runs", "number"], ["Memory", "number"], "Largest run", ["It takes", "number"]], usage.items.map(memoryOf));
}

function schedulers(workers) {
  const missing = workers.shards_without;
  if (missing.length === 0) return h("p", {}, workers.shards > 1 ? `✓ A scheduler leads each of ${workers.shards} shards.` : "✓ A scheduler leads.");
  const where = workers.shards > 1 ? ` shard ${missing.join(", ")}` : "";
  return h("div", { class: "problem" }, empty(`✗ No scheduler leads${where}. Start one:`, "flowkit-scheduler"));
}

async function section(element, path, query, show) {
  fill(element, h("p", { class: "note" }, "Reading …"));
  try {
    const document = await get(path, query);
    fill(element, show(document), damagedItems(document.damaged));
  } catch (error) {
    fill(element, h("p", { class: "problem", role: "alert" }, error.message));
  }
}

/** Open the view. */
export async function open(place) {
  document.title = "System · flowkit";
  const [found, leads, used] = ["Findings", "Scheduler", "Memory of runs"].map((label) => h("section", { "aria-label": label }));
  const check = () => Promise.all([
    section(found, "/doctor", { seconds: 1 }, findings),
    section(leads, "/workers", {}, schedulers),
    section(used, "/usage", { limit: 500 }, (usage) => [
      memory(usage),
      usage.cut_short ? h("p", { class: "note" }, "Of the newest 500 runs of each shard. All: flowkit usage --limit N") : null,
    ]),
  ]);
  fill(
    place.main,
    h("h1", {}, "System"),
    h("p", {}, h("button", { type: "button", click: check }, "Check again"), h("span", { class: "note" }, " The same as flowkit doctor.")),
    h("h2", {}, "Scheduler"), leads,
    h("h2", {}, "Findings"), found,
    h("h2", {}, "Memory of runs, by DAG"), used,
  );
  check();
}
