// Why a run or a task is not over, or how it ended: the cause, since when, what changes it, what helps.

import { get, part } from "./api.js";
import { fill, h } from "./dom.js";
import { counted, number } from "./format.js";
import { copied, time } from "./parts.js";
import { href } from "./router.js";
import { taskPath } from "./task_paths.js";
import { ended } from "./why_text.js";

const fact = (name, value) => [h("dt", {}, name), h("dd", {}, value)];
const link = (run, task, text = task) => h("a", { href: href(taskPath(run, task)) }, text);

function cause(why, entry) {
  const others = entry.count - entry.direct;
  const through = others > 0 && entry.direct > 0 ? `, ${number(others)} of them through other tasks` : "";
  return [
    entry.task && entry.task !== why.task ? fact("Task", link(why.run_id, entry.task)) : null,
    entry.root && entry.root !== entry.task ? fact("Waits for", link(why.run_id, entry.root)) : null,
    entry.since ? fact("Since", time(entry.since)) : null,
    entry.next ? fact("Next", entry.next) : null,
    entry.until ? fact("Until", new Date(entry.until).toLocaleString()) : null,
    entry.count > 1 ? fact("Holds up", counted(entry.count, "task") + through) : null,
  ];
}

function failure(why) {
  const { task, label, attempts, worker, ended: at, failed, upstream_failed: blocked, run } = why.failure;
  const after = attempts > 1 ? ` after ${number(attempts)} attempts` : "";
  return [
    task ? fact("First failure", [link(why.run_id, task, label ? `${task} (${label})` : task), `${after}${worker ? ` on ${worker}` : ""} `, time(at)]) : null,
    run ? fact("In the run", h("a", { href: href(`/runs/${part(run)}`) }, run)) : null,
    failed > 1 ? fact("Failed", counted(failed, "task")) : null,
    blocked > 0 ? fact("Did not run", `${counted(blocked, "task")}, since a task upstream failed`) : null,
  ];
}

function others(why) {
  const rest = why.causes.slice(1);
  if (rest.length === 0) return null;
  return h(
    "details",
    { "data-name": "causes" },
    h("summary", {}, counted(rest.length, "other cause")),
    h(
      "ul",
      {},
      rest.map((other) =>
        h("li", {}, `${counted(other.count, "task")}: ${other.sentence} `, other.command ? copied(other.command) : null),
      ),
    ),
  );
}

/** Return the explanation of a document of `/why`. */
export function explanation(why) {
  const about = [why.causes[0] ? cause(why, why.causes[0]) : null, why.failure ? failure(why) : null].flat(2).filter(Boolean);
  return h(
    "section",
    { class: "cause", "aria-label": "Why" },
    h("p", {}, h("strong", {}, ended(why))),
    about.length > 0 ? h("dl", { class: "about" }, about) : null,
    why.command ? h("p", {}, "What helps: ", copied(why.command)) : null,
    others(why),
  );
}

/** Show why a run, or one of its tasks, is as it is. */
export async function showWhy(element, runId, task = null) {
  const opened = element.querySelector("details")?.open ?? false;
  fill(element, explanation(await get(`/runs/${part(runId)}/why`, { task })));
  const details = element.querySelector("details");
  if (details) details.open = opened;
}
