// What the API would answer about the run of a recording. Pure: it gets the recording, and knows
// neither page nor clock. A path that it has no answer for is refused, as the API does.

import { Refused } from "../addresses.js";
import { Columns } from "../columns.js";
import { taskDocument } from "./task.js";

const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
const NONE = "The recording does not have this.";
const SHOWN_LINES = 3000;

const refuse = (message = NONE) => {
  throw new Refused(404, "NotRecorded", message);
};
const grouped = (entries, name) => {
  const groups = new Map();
  for (const entry of entries) {
    if (!groups.has(entry[name])) groups.set(entry[name], []);
    groups.get(entry[name]).push(entry);
  }
  return groups;
};

/** The answers about one run. */
export class Answers {
  constructor(recording) {
    this.recording = recording;
    this.columns = new Columns(recording.columns);
    this.numbers = new Map(this.columns.names.map((name, at) => [name, at]));
    this.attempts = grouped(recording.attempts, "task");
    this.items = grouped(recording.items, "item_of");
    this.named = new Map(recording.items.map((item) => [item.name, item]));
    this.whys = new Map(recording.whys.map((why) => [why.task, why]));
    this.results = new Map(recording.results.map((value) => [value.task, value]));
    this.arguments = new Map(recording.arguments.map((value) => [value.task, value]));
  }

  /** Return the answer to a request. */
  of(path, query = {}) {
    const match = /^\/runs\/([^/]+)(?:\/(columns|items|graph|history|attempts|logs|why|result|task|tasks\/(.+)))?$/.exec(path);
    if (match === null) return refuse();
    const [, run, rest, task] = match;
    if (decodeURIComponent(run) !== this.recording.run_id) {
      return refuse(`This recording has the run ${this.recording.run_id} alone.`);
    }
    if (rest === "task" || task !== undefined) return this.task(task === undefined ? query.task : decodeURIComponent(task));
    const makers = {
      columns: () => this.recording.columns,
      items: () => this.itemsOf(query),
      graph: () => this.graph(query),
      history: () => this.history(query),
      attempts: () => this.recording.earlier,
      logs: () => ({ items: this.lines(query), cursor: "", more: false }),
      why: () => this.why(query),
      result: () => ({ run_id: this.recording.run_id, task: query.task, result: this.results.get(query.task) ?? null }),
    };
    return rest === undefined ? this.recording.header : makers[rest]();
  }

  /** Return the first event of a stream, which would be the last one. */
  stream(path, query = {}) {
    const of = path.replace(/^\/live/, "");
    if (/^\/runs\/[^/]+\/logs$/.test(of)) return this.logEvent(of, query);
    const answer = this.of(of, query);
    if (answer === this.recording.header) return { header: answer, columns: this.recording.columns };
    return { schema: "", ...answer };
  }

  task(name) {
    return taskDocument(this, name) ?? refuse("The recording does not have this task.");
  }

  why({ task }) {
    if (!task) return this.recording.header.why;
    return this.whys.get(task) ?? refuse("The recording explains the run, and tasks that did not succeed.");
  }

  graph({ collapse }) {
    const { graphs } = this.recording;
    const wanted = collapse === undefined || collapse === "" ? null : String(collapse) === "true";
    return (wanted !== null && graphs.find((graph) => graph.collapsed === wanted)) || graphs[0];
  }

  history({ task, limit }) {
    const { history } = this.recording;
    const traced = new Map(this.recording.attempts.map((entry) => [`${entry.task} ${entry.attempt} ${entry.at}`, entry.traceback]));
    const all = task ? history.items.filter((event) => event.task === task || event.task === null) : history.items;
    const items = all.slice(limit ? -Number(limit) : 0).map((event) => ({
      ...event,
      traceback: event.traceback || traced.get(`${event.task} ${event.attempt} ${event.at}`) || "",
    }));
    const matching = task ? all.length : history.matching;
    return { ...history, items, matching, more: matching > items.length };
  }

  itemsOf({ task, state, retried, start = 0, limit = 1000 }) {
    const fits = (item) => (!state || item.state === state) && (!retried || item.attempt > 1);
    const from = (this.items.get(task) ?? []).slice(Number(start)).filter(fits);
    const items = from.slice(0, Number(limit));
    return { run_id: this.recording.run_id, task, items, more: from.length > items.length };
  }

  lines({ task, level, attempt }) {
    const least = LEVELS.indexOf(level ?? "");
    const takes = (line) =>
      (!task || line.task === task || (line.task.startsWith(`${task}[`) && this.items.has(task))) &&
      (!attempt || line.attempt === Number(attempt)) &&
      (least < 0 || LEVELS.indexOf(line.level) >= least || !LEVELS.includes(line.level));
    return this.recording.lines.filter(takes);
  }

  logEvent(path, query) {
    this.of(path, query);
    const items = this.lines(query).slice(-SHOWN_LINES);
    return { all: true, items, skipped: 0, earlier: this.recording.earlier_lines > 0, over: true };
  }
}
