// The filters of the list of runs: as the API takes them, as a command has them, and in words. Pure.

import { quoted } from "./commands.js";
import { bytes, counted, number } from "./format.js";

/** What can be done to all runs that match: which states it takes, and what runs become. */
export const ACTIONS = {
  cancel: { verb: "Cancel", doing: "Cancelling", states: ["running"], path: "/runs/cancel", end: "newest" },
  resume: { verb: "Resume", doing: "Resuming", states: ["failed", "cancelled"], path: "/runs/resume", end: "newest" },
  delete: { verb: "Delete", doing: "Deleting", states: ["succeeded", "failed", "cancelled"], path: "/runs/purge", end: "oldest" },
};
const SECONDS = ["since", "until"];
const UNITS = [["d", 86400], ["h", 3600], ["m", 60]];

/** Return the actions for a state that is chosen, for all of them if none is. */
export const actionsFor = (state) => Object.keys(ACTIONS).filter((name) => state === "" || ACTIONS[name].states.includes(state));

/**
 * Return the filters of an address as the API takes them. A number that is none stays a text, so
 * that the API refuses it: without it, the filters would match more than the list shows.
 */
export function filtersOf(get) {
  const filters = {};
  for (const name of ["state", "dag", "q"]) {
    if (get(name)) filters[name] = get(name);
  }
  for (const name of SECONDS) {
    if (get(name)) filters[name] = Number.isFinite(Number(get(name))) ? Number(get(name)) : get(name);
  }
  const [parameter, value] = pair(get("param"));
  if (parameter) filters.params = { [parameter]: value };
  if (Object.keys(filters).length === 0) filters.everything = true;
  if (get("children") === "true") filters.children = true;
  return filters;
}

function pair(text) {
  const at = text.indexOf("=");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/** Return seconds as commands take them: "2h", "90s". */
export function duration(seconds) {
  const [unit, size] = UNITS.find(([, size]) => seconds >= size && seconds % size === 0) ?? ["s", 1];
  return `${seconds / size}${unit}`;
}

/** Return the command that does the same to all runs that match. */
export function commandFor(action, filters) {
  const words = action === "delete" ? ["flowkit purge --older-than 0"] : [`flowkit ${action}`];
  const add = (option, text) => words.push(text.startsWith("-") ? `${option}=${quoted(text)}` : `${option} ${quoted(text)}`);
  if (filters.state && action !== "cancel") add("--state", filters.state);
  if (filters.dag) add("--dag", filters.dag);
  if (filters.q) add("--text", filters.q);
  for (const [name, value] of Object.entries(filters.params ?? {})) add("--param", `${name}=${value}`);
  for (const name of SECONDS) {
    if (filters[name] !== undefined) add(`--${name}`, duration(filters[name]));
  }
  if (action === "delete" && !filters.children) words.push("--no-children");
  if (action !== "delete" && filters.children) words.push("--children");
  const isNarrow = ["dag", "q", "params", ...SECONDS].some((name) => filters[name] !== undefined) || (filters.state && action === "resume");
  if (action !== "delete" && !isNarrow) words.push("--all");
  return words.join(" ");
}

/** Return in words which runs match. */
export function inWords(filters) {
  const parts = [];
  if (filters.state) parts.push(`state ${filters.state}`);
  if (filters.dag) parts.push(`DAG ${filters.dag}`);
  if (filters.q) parts.push(`“${filters.q}” in id, DAG or submitter`);
  for (const [name, value] of Object.entries(filters.params ?? {})) parts.push(`parameter ${name}=${value}`);
  if (filters.since !== undefined) parts.push(`submitted within ${duration(filters.since)}`);
  if (filters.until !== undefined) parts.push(`submitted more than ${duration(filters.until)} ago`);
  const children = filters.children ? "with child runs" : "without child runs, which follow the run that has called them";
  return `Filters: ${parts.join(", ") || "none, so all runs"}; ${children}.`;
}

/** Return in words what a dry run has found. Its runs are listed by state and by DAG. */
export function planInWords(action, plan) {
  const count = (name) => {
    const counts = new Map();
    for (const item of plan.items) counts.set(item[name], (counts.get(item[name]) ?? 0) + 1);
    return [...counts].toSorted(([, one], [, other]) => other - one);
  };
  const dags = count("dag");
  const shown = dags.slice(0, 5).map(([name, runs]) => `${name} (${number(runs)})`);
  const more = dags.length > shown.length ? ` and ${counted(dags.length - shown.length, "other")}` : "";
  const texts = [
    `${count("state").map(([name, runs]) => `${number(runs)} ${name}`).join(", ")}.`,
    `${dags.length === 1 ? "DAG" : "DAGs"}: ${shown.join(", ")}${more}.`,
  ];
  if (plan.memory) texts.push(`They take about ${bytes(plan.memory)}.`);
  if (plan.more) {
    const all = plan.matching === null ? "More runs match" : `${counted(plan.matching, "run")} match`;
    texts.push(`${all}: these are the ${ACTIONS[action].end} ${number(plan.items.length)}. The others can follow.`);
  }
  if (plan.cut_short) texts.push("Older runs were not searched.");
  return texts;
}

/** Return in words what has become of runs. `outcomes`: how many have which. */
export function outcomeInWords(action, outcomes) {
  const of = (name) => outcomes[name] ?? 0;
  const done = of({ cancel: "cancelled", resume: "resumed", delete: "deleted" }[action]);
  const texts = [
    action === "cancel"
      ? `${counted(done, "run")} ${done === 1 ? "is" : "are"} being cancelled.`
      : `${action === "resume" ? "Resumed" : "Deleted"} ${counted(done, "run")}.`,
  ];
  if (of("over")) texts.push(`${counted(of("over"), "run")} had ended in the meantime.`);
  if (of("missing")) texts.push(`${counted(of("missing"), "run")} had been deleted in the meantime.`);
  if (of("refused")) texts.push(`${counted(of("refused"), "run")} could not be changed:`);
  return texts;
}
