// One task of a run, or an item: its state and why, its attempts, inputs, result and lines.

import { fileAddress, follow, part, whoAmI } from "../api.js";
import { quoted, resumeCommand, retryCommand } from "../commands.js";
import { carryOut } from "../dialog.js";
import { fill, h } from "../dom.js";
import { lookOf } from "../events.js";
import { changed, isSelected } from "../focus.js";
import { counted, span } from "../format.js";
import { PART, showItems } from "../items.js";
import { dagLink } from "../lists.js";
import { notice } from "../notice.js";
import { bar, copied, empty, state, time } from "../parts.js";
import { href } from "../router.js";
import { RUN_OVER, looks } from "../states.js";
import { fault } from "../tabs/history.js";
import { open as openLogs } from "../tabs/logs.js";
import { taskAt, taskPath } from "../task_paths.js";
import { valuePart } from "../values.js";
import { showWhy } from "../why.js";
import { visible } from "../visible.js";

const ITEMS_MS = 4_000; // between two readings of the items
const WHY_MS = 10_000; // the explanation names durations
const path = (...parts) => href("/" + parts.map(part).join("/"));
const fact = (name, value) => (value === null || value === "" ? null : [h("dt", {}, name), h("dd", {}, value)]);

function policy({ policy: given }) {
  const longer = given.backoff > 1 && given.retries > 1;
  const most = longer && given.max_delay !== null ? `, at most ${span(given.max_delay)}` : "";
  const retries = given.retries
    ? `${counted(given.retries, "retry", "retries")}, after ${span(given.delay)}${longer ? `, each time ${given.backoff} times longer${most}` : ""}`
    : "no retries";
  return [
    fact("Queue", `${given.queue}, priority ${given.priority}`),
    fact("Retries", retries + (given.at_most_once ? "; it must not start twice by itself" : "")),
    fact("Timeout", given.timeout === null ? "" : span(given.timeout)),
    fact("Starts when", given.trigger === "none_failed" ? "" : given.trigger.replaceAll("_", " ")),
    fact("Result", given.keep_result ? "" : "dropped when all tasks that take it are over"),
    fact("Function", given.is_async ? "asynchronous" : ""),
  ];
}

function facts(task) {
  const { task: entry } = task;
  const progress = entry.progress ? `${entry.progress.done}${entry.progress.total === null ? "" : ` of ${entry.progress.total}`} ${entry.progress.text}` : "";
  return h(
    "dl",
    { class: "about" },
    fact("State", state(entry.state)),
    fact("DAG", dagLink(task.dag)),
    fact("Run", copied(task.run_id, path("runs", task.run_id))),
    task.item_of ? fact("Item of", h("a", { href: href(taskPath(task.run_id, task.item_of)) }, task.item_of)) : null,
    fact("Label", entry.label),
    fact("Started", entry.started ? time(entry.started) : ""),
    fact("Took", span(entry.duration)),
    fact("Worker", entry.worker),
    fact("Progress", progress),
    fact("Code", copied(task.code)),
    fact("Version", entry.app_version),
    policy(task),
  );
}

const between = (from, to) => (from && to ? (Date.parse(to) - Date.parse(from)) / 1000 : null);

/** Return how long an attempt waited and ran, and until when the next one waits. */
function times({ queued, started, ended, due }) {
  const [waited, ran, next] = [between(queued, started), between(started, ended), between(ended, due)];
  return [
    waited === null ? "" : `${span(waited)} in the queue`,
    ran === null ? "" : `ran ${span(ran)}`,
    next > 0 ? `the next attempt ${span(next)} later` : "",
  ];
}

const OUTCOMES = {
  retry: "failed and was retried",
  died: "its process ended",
  suspect: "its process ended while several tasks ran",
  lost: "its worker was lost",
  put_off: "its worker did not have the function",
  again: "asked to come again",
  called: "waited for runs that it called",
  released: "its worker was stopped",
};
const outcomeOf = ({ outcome }) => OUTCOMES[outcome] ?? outcome.replaceAll("_", " ");

function attempts(task, showLines) {
  if (task.attempts.length === 0) return null;
  const last = task.attempts.length - 1;
  return h(
    "section",
    { "aria-label": "Attempts" },
    h("h2", {}, "Attempts"),
    h(
      "ol",
      { class: "attempts" },
      task.attempts.map((attempt, at) =>
        h(
          "li",
          { "data-row": true, "data-state": attempt.error ? "failed" : attempt.outcome, "data-name": `attempt ${at}`, tabindex: 0 },
          h("p", {}, h("strong", {}, `#${attempt.attempt} `), `${looks(lookOf(attempt)).symbol} `, outcomeOf(attempt), " ", time(attempt.at)),
          h(
            "p",
            { class: "note" },
            [...times(attempt), attempt.worker, attempt.app_version && `version ${attempt.app_version}`, attempt.rerun && "has run again since"]
              .filter(Boolean)
              .join(" · "),
            " ",
            task.attempts.length > 1
              ? h("button", { type: "button", class: "quiet", "aria-label": `Lines of attempt ${attempt.attempt}`, click: () => showLines(attempt.attempt) }, "Lines")
              : null,
          ),
          fault(attempt, at === last),
        ),
      ),
    ),
  );
}

function inputs(task) {
  const given = task.inputs.map((input) =>
    h(
      "details",
      { "data-name": `input ${input.task}` },
      h("summary", {}, h("code", {}, input.task), " ", state(input.state), input.passes ? "" : " (order only)", Number.isInteger(input.element) ? ` (element ${input.element})` : ""),
      h("p", {}, h("a", { href: href(taskPath(task.run_id, input.task)) }, "Open this task")),
      input.value ? valuePart(input.value, { file: Number.isInteger(input.element) ? null : fileAddress(`/runs/${part(task.run_id)}/result`, { task: input.task }) }) : null,
    ),
  );
  const more = [
    ["Fixed arguments", task.arguments],
    ["Parameters of the run", task.params],
  ]
    .filter(([, value]) => value !== null)
    .map(([name, value]) => h("details", { "data-name": name }, h("summary", {}, name), valuePart(value)));
  if (given.length + more.length === 0) return null;
  return h(
    "section",
    { "aria-label": "Inputs" },
    h("h2", {}, "Inputs"),
    given,
    task.more_inputs ? h("p", { class: "note" }, `The first ${task.inputs.length}; there are more.`) : null,
    more,
  );
}

function result(task) {
  if (task.result === null) return null;
  const { name } = task.task;
  const file = fileAddress(`/runs/${part(task.run_id)}/result`, { task: name, download: true });
  const command = `flowkit result ${task.run_id} ${quoted(name)} --json`;
  return h("section", { "aria-label": "Result" }, h("h2", {}, "Result"), valuePart(task.result, { file, command }));
}

function actions(task) {
  const { name, state: now } = task.task;
  const warning = task.policy.at_most_once ? "It must not start twice by itself. Check first whether its work was done." : "";
  const retry = () =>
    carryOut({
      title: `Retry ${name}?`,
      text: `It starts again at once. ${warning}`,
      verb: "Retry",
      path: `/runs/${part(task.run_id)}/retry`,
      body: { tasks: [name] },
      command: retryCommand(task.run_id, [name]),
      done: "It starts again.",
    });
  const resume = () =>
    carryOut({
      title: `Resume from ${name}?`,
      text: `This task and all tasks after it run again, beside those that did not succeed. ${warning}`,
      verb: "Resume",
      path: `/runs/${part(task.run_id)}/resume`,
      body: { from_task: [name] },
      command: resumeCommand(task.run_id, [name]),
      done: "The run continues from here.",
    });
  return h(
    "p",
    { class: "actions" },
    ["failed", "waiting"].includes(now) ? h("button", { type: "button", click: retry }, "Retry") : null,
    RUN_OVER.includes(task.run_state) ? h("button", { type: "button", click: resume }, "Resume from here") : null,
  );
}

/** Open the view. Returns what ends it. */
export async function open(place) {
  const { run, task: name = place.get("task") } = place.names;
  document.title = visible(`${name} · flowkit`);
  if (name === "") return void fill(place.main, h("h1", {}, "Not found"), empty("The address names no task.", `flowkit status ${run}`));
  const head = h("section", { "aria-label": "Task" });
  const why = h("section", {});
  const body = h("div", {});
  const items = h("section", { "aria-label": "Items" });
  const logs = h("section", { "aria-label": "Logs" });
  fill(place.main, h("h1", {}, name), head, why, body, items, h("h2", {}, "Logs"), logs);
  const { acts } = await whoAmI();
  let shown = "";
  let known = "";
  let over = true;
  let waiting = null; // what is shown when the reader has nothing selected any more
  let amount = null; // of items by state, as text
  let listed = { amount, at: 0 };
  let stop = null;
  let stopLogs = null;
  const explain = () => showWhy(why, run, name).catch((error) => fill(why, h("p", { class: "note" }, error.message)));
  let beat = 0;
  const clock = setInterval(() => {
    beat += 1;
    if (waiting !== null) hear(waiting);
    if (amount !== null) listItems();
    if (!document.hidden && (!over || beat % 6 === 0)) explain();
  }, WHY_MS);
  const showLines = (attempt) => logs.dispatchEvent(new CustomEvent("attempt", { detail: attempt }));
  const end = () => {
    clearInterval(clock);
    stop?.();
    stopLogs?.();
  };
  const hear = (task) => {
    if (task.gone) {
      end();
      fill(place.main, h("h1", {}, "Not found"), empty(task.gone, `flowkit status ${run}`));
    }
    if (task.schema === undefined) return;
    waiting = isSelected(head) || isSelected(body) ? task : null;
    const amounts = task.task.items ? [bar(task.task.items), h("p", { class: "note" }, counts(task.task.items))] : null;
    if (!isSelected(head)) changed(head, () => fill(head, facts(task), amounts, acts ? actions(task) : null));
    const values = JSON.stringify([task.attempts, task.inputs, task.result, task.arguments, task.params]);
    if (values !== known && !isSelected(body)) {
      changed(body, () => fill(body, attempts(task, showLines), inputs(task), result(task)));
      known = values;
    }
    over = task.run_state !== "running";
    const now = `${task.task.state} ${task.task.attempt} ${task.run_state}`;
    if (now !== shown) explain();
    shown = now;
    amount = task.task.items && JSON.stringify(task.task.items);
    if (amount !== null) listItems();
  };
  // A list that has grown, or that the reader is in, stays as it is.
  const listItems = () => {
    const isKept = items.contains(document.activeElement) || items.querySelectorAll("[data-row]").length > PART;
    if (amount === listed.amount || isKept || Date.now() - listed.at < ITEMS_MS) return;
    listed = { amount, at: Date.now() };
    showItems(items, place, run, name);
  };
  const [at, query] = taskAt(run, name);
  stop = follow(`/live${at}`, query, hear, notice(place.main));
  stopLogs = openLogs({ element: logs, place, run: { id: run }, task: name });
  return end;
}

const counts = (items) => `${counted(Object.values(items).reduce((sum, count) => sum + count, 0), "item")}`;
