// The head of a run: state, id, times, progress, why it is as it is, and the actions.

import { part } from "./api.js";
import { carryOut } from "./dialog.js";
import { h } from "./dom.js";
import { bytes, counted, number, span } from "./format.js";
import { bar, copied, state, time } from "./parts.js";
import { go, href } from "./router.js";
import { looks } from "./states.js";

const OVER = ["succeeded", "failed", "skipped", "upstream_failed", "cancelled"];
const MOST_PARAMS = 2_000;

/** Return the elements above the tabs. */
export function facts(run, place) {
  const { status, sentence, command, params } = run.header;
  return [
    h("h1", {}, state(status.stopping ? "stopping" : status.state), " ", status.dag),
    h(
      "p",
      { class: "facts" },
      copied(run.id),
      h("span", {}, "submitted ", time(status.submitted), status.submitted_by ? ` by ${status.submitted_by}` : ""),
      h("span", { id: "outcome" }, outcomeText(run)),
      status.memory === null ? null : h("span", {}, `${bytes(status.memory)} in Redis`),
      status.app_versions.length > 0 ? h("span", {}, `code ${status.app_versions.join(", ")}`) : null,
      status.parent ? h("span", {}, "called by ", runLink(status.parent), ` (${status.parent_task})`) : null,
    ),
    bar(status.counts),
    h("p", { class: "counts" }, counts(status, place)),
    sentence && status.state !== "succeeded" ? h("p", { class: "why" }, sentence) : null,
    command ? h("p", {}, copied(command)) : null,
    Object.keys(params).length > 0 ? parameters(params) : null,
    status.children.length > 0 ? children(status.children) : null,
  ];
}

function outcomeText(run) {
  const { status, left } = run.header;
  if (status.finished) return `took ${span(status.duration)}`;
  const done = OVER.reduce((sum, name) => sum + (status.counts[name] ?? 0), 0);
  const rest = left === null ? "" : `, about ${span(left)} left`;
  return `${number(done)} of ${counted(status.total, "task")} in ${span(run.now() / 1000)}${rest}`;
}

/** Show how long the run has taken by now. */
export function outcome(run) {
  const element = document.getElementById("outcome");
  if (element) element.textContent = outcomeText(run);
}

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
  const text = JSON.stringify(params, null, 2);
  const cut = text.length > MOST_PARAMS ? `${text.slice(0, MOST_PARAMS)}\n…` : text;
  return h("details", {}, h("summary", {}, counted(Object.keys(params).length, "parameter")), h("pre", {}, cut));
}

function children(runs) {
  const shown = runs.slice(0, 100);
  return h(
    "details",
    {},
    h("summary", {}, counted(runs.length, "run"), " called by its tasks"),
    h(
      "ul",
      {},
      shown.map((run) => h("li", {}, runLink(run.run_id), ` ${run.dag}, task ${run.task}: ${run.state ?? "gone"}`)),
    ),
  );
}

const button = (name, question) => h("button", { click: () => carryOut(question) }, name);

/** Return the buttons that fit the state of the run. */
export function actions(run) {
  const { status } = run.header;
  const path = `/runs/${part(run.id)}`;
  const named = `${status.dag}, run ${run.id}`;
  const cancel = button("Cancel", {
    title: "Cancel this run?",
    text: `${named}: no further task starts, and running tasks are ended.`,
    verb: "Cancel the run",
    path: `${path}/cancel`,
    done: "The run is being cancelled.",
  });
  const retry = button(status.finished ? "Retry failed" : "Retry now", {
    title: status.finished ? "Retry the failed tasks?" : "Retry at once?",
    text: status.finished
      ? `${named}: all failed tasks start again, also those that must not start twice by themselves. Check first whether their work was done.`
      : `${named}: tasks that wait for a retry do not wait any longer.`,
    verb: "Retry",
    path: `${path}/retry`,
    done: "The tasks start again.",
  });
  const resume = button("Resume", {
    title: "Resume this run?",
    text: `${named}: it goes on from where it ended. Tasks that succeeded keep their results.`,
    verb: "Resume",
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
          path,
          method: "DELETE",
          done: "The run is deleted.",
        };
        if (await carryOut(question)) go("/");
      },
    },
    "Delete",
  );
  if (!status.finished) return [status.stopping ? null : cancel, status.counts.waiting ? retry : null];
  if (status.state === "succeeded") return [remove];
  return [resume, status.counts.failed ? retry : null, remove];
}
