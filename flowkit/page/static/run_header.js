// The head of a run: state, id, times, progress, why it is as it is, parameters, and the actions.

import { fileAddress, part } from "./api.js";
import { resumeCommand, retryCommand } from "./commands.js";
import { carryOut } from "./dialog.js";
import { h } from "./dom.js";
import { bytes, counted, number, span } from "./format.js";
import { shownText } from "./json_text.js";
import { dagLink } from "./lists.js";
import { bar, copied, state, time } from "./parts.js";
import { go, href } from "./router.js";
import { TASK_OVER, looks } from "./states.js";
import { taskPath } from "./task_paths.js";
import { explanation } from "./why.js";

const MOST_TEXT = 2_000; // characters of one parameter
const MOST_SHOWN = 100; // parameters, runs

/** Return the elements above the tabs. */
export function facts(run, place) {
  const { status, why, params } = run.header;
  const explained = status.state !== "succeeded" || why.command !== "";
  return [
    h("h1", {}, state(status.stopping ? "stopping" : status.state), " ", dagLink(status.dag)),
    h(
      "p",
      { class: "facts" },
      copied(run.id),
      h("span", {}, "submitted ", time(status.submitted), status.submitted_by ? ` by ${status.submitted_by}` : ""),
      h("span", {}, h("span", { id: "outcome" }, outcomeText(run)), status.finished ? [", ended ", time(status.finished)] : null),
      status.memory === null ? null : h("span", {}, `${bytes(status.memory)} in Redis`),
      versions(status),
      status.parent ? h("span", {}, "called by task ", taskLink(status.parent, status.parent_task), " of run ", runLink(status.parent)) : null,
    ),
    bar(status.counts),
    h("p", { class: "counts" }, counts(status, place)),
    explained ? explanation(why) : null,
    Object.keys(params).length > 0 ? parameters(params) : null,
    status.children.length > 0 ? children(status.children) : null,
  ];
}

function versions({ app_versions: ran, submitted_version: submitted, pinned_version: pinned, mixed_versions: isMixed }) {
  const parts = [
    ran.length > 0 ? `code ${ran.join(", ")}` : submitted && `submitted by code ${submitted}`,
    ran.length > 0 && submitted && !ran.includes(submitted) ? `submitted by ${submitted}` : "",
    pinned && `kept to ${pinned}`,
    isMixed ? "the same code in more than one version" : "",
  ];
  const text = parts.filter(Boolean).join("; ");
  return text ? h("span", {}, text) : null;
}

function outcomeText(run) {
  const { status, left } = run.header;
  if (status.finished) return `took ${span(status.duration)}`;
  const done = TASK_OVER.reduce((sum, name) => sum + (status.counts[name] ?? 0), 0);
  const rest = left === null ? "" : `, about ${span(left)} left`;
  return `${number(done)} of ${counted(status.total, "task")} in ${span(run.now() / 1000)}${rest}`;
}

/** Show how long the run has taken by now. */
export function outcome(run) {
  const element = document.getElementById("outcome");
  if (element) element.textContent = outcomeText(run);
}

const taskLink = (run, task) => h("a", { href: href(taskPath(run, task)) }, task);
const runLink = (id) => h("a", { href: href(`/runs/${part(id)}`) }, id);

function counts(status, place) {
  return Object.keys(status.counts).map((name) =>
    h(
      "button",
      {
        class: "quiet",
        title: `Only tasks that are ${looks(name).word}`,
        click: () => {
          place.query = new URLSearchParams({ state: name });
          place.set({});
          place.reopen();
        },
      },
      number(status.counts[name]),
      " ",
      state(name),
    ),
  );
}

function parameters(params) {
  const names = Object.keys(params);
  const shown = names.slice(0, MOST_SHOWN);
  return h(
    "details",
    { "data-name": "parameters" },
    h("summary", {}, counted(names.length, "parameter")),
    h("dl", { class: "about" }, shown.map((name) => [h("dt", {}, h("code", {}, name)), h("dd", {}, parameter(params[name]))])),
    names.length > shown.length ? h("p", { class: "note" }, `… and ${number(names.length - shown.length)} more`) : null,
  );
}

function parameter(value) {
  const text = shownText(value);
  if (text.length <= 100 && !text.includes("\n")) return h("code", {}, text);
  return h("pre", { tabindex: 0 }, text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}\n…` : text);
}

function children(runs) {
  const shown = runs.slice(0, MOST_SHOWN);
  return h(
    "details",
    { "data-name": "children", open: runs.some((run) => run.state === "failed") },
    h("summary", {}, `${counted(runs.length, "run")} called by its tasks`),
    h(
      "ul",
      {},
      shown.map((run) => h("li", {}, run.state ? state(run.state) : "gone", " ", runLink(run.run_id), ` ${run.dag}, called by task ${run.task}`)),
    ),
    runs.length > shown.length ? h("p", { class: "note" }, `… and ${number(runs.length - shown.length)} more`) : null,
  );
}

/** Return a button that opens the form of another run like this one. */
function again(run) {
  const open = async () => (await import("./submit_form.js")).openForm(`/runs/${part(run.id)}/form`);
  return h("button", { click: open }, "Run again…");
}

const button = (name, question) => h("button", { click: () => carryOut(question) }, name);

/** Return the link that saves the run as a file; null where there are no files. */
export function recordingLink(run) {
  const to = fileAddress(`/runs/${part(run.id)}/recording`);
  const title = "The page of this run in one file, which opens without a network";
  return to && h("a", { href: to, download: `${run.id}.html`, title }, "Download recording");
}

/** Return the buttons that fit the state of the run. */
export function actions(run) {
  const { status } = run.header;
  const path = `/runs/${part(run.id)}`;
  const named = `${status.dag}, run ${run.id}`;
  const cancel = button("Cancel", {
    title: "Cancel this run?",
    text: `${named}: no further task starts, and running tasks are ended.`,
    verb: "Cancel the run",
    command: `flowkit cancel ${run.id}`,
    path: `${path}/cancel`,
    done: "The run is being cancelled.",
  });
  const retry = button(status.finished ? "Retry failed" : "Retry now", {
    title: status.finished ? "Retry the failed tasks?" : "Retry at once?",
    text: status.finished
      ? `${named}: all failed tasks start again. Of those that must not start twice by themselves, check first whether their work was done.`
      : `${named}: tasks that wait for a retry do not wait any longer.`,
    verb: "Retry",
    command: retryCommand(run.id),
    path: `${path}/retry`,
    done: "The tasks start again.",
  });
  const resume = button("Resume", {
    title: "Resume this run?",
    text: `${named}: it continues from where it ended. Tasks that succeeded keep their results.`,
    verb: "Resume",
    command: resumeCommand(run.id),
    path: `${path}/resume`,
    done: "The run is resumed.",
  });
  const remove = h(
    "button",
    {
      click: async () => {
        const question = {
          title: "Delete this run?",
          text: `${named}: all its results and logs are deleted, also those of runs that its tasks have called.`,
          verb: "Delete",
          command: `flowkit delete ${run.id}`,
          path,
          method: "DELETE",
          done: "The run is deleted.",
        };
        if (await carryOut(question)) go("/");
      },
    },
    "Delete",
  );
  if (!status.finished) return [status.stopping ? null : cancel, status.counts.waiting ? retry : null, again(run)];
  const failedItems = status.state === "succeeded" && status.counts.failed > 0; // a resume runs them again
  if (status.state === "succeeded") return [failedItems ? resume : null, again(run), remove];
  return [resume, status.counts.failed ? retry : null, again(run), remove];
}
