// The tasks of a run as a table: filters, sorting, items of mapped tasks in parts, and chosen tasks.
//
// A row is the number of a task, or an item: [task, position, filter]. With a filter, mapped tasks are
// opened, and have the items that match.

import { Chosen } from "../chosen.js";
import { matching } from "../columns.js";
import { quoted } from "../commands.js";
import { fill, h } from "../dom.js";
import { counted, number, span } from "../format.js";
import { CUT, ItemLists, MORE } from "../item_lists.js";
import { now } from "../moments.js";
import { bar, empty, say, state } from "../parts.js";
import { href } from "../router.js";
import { STATES, looks } from "../states.js";
import { taskPath } from "../task_paths.js";
import { virtual } from "../virtual.js";

const ROW = 34;
const HEADS = [
  ["name", "Task", "name"],
  ["state", "State", ""],
  ["attempts", "Attempt", "number extra"],
  ["waited", "Waited", "number extra"],
  ["took", "Took", "number"],
  ["worker", "Worker", "extra"],
  ["", "Notes", "extra"],
];

/** Open the tab. Returns what ends it. */
export function open({ element, place, run, acts = false }) {
  const table = new Tasks(place, run, acts);
  fill(element, table.filters(), table.chosen?.element, table.note, table.view.element);
  table.change();
  const stop = run.listen((told) => table.hear(told));
  const clock = setInterval(() => table.tick(), 1000);
  const keys = { failure: table.nextFailure, move: table.move, choose: () => table.chooseRow(table.view.focused()) };
  for (const [name, act] of Object.entries(keys)) document.addEventListener(name, act);
  return () => {
    stop();
    clearInterval(clock);
    for (const [name, act] of Object.entries(keys)) document.removeEventListener(name, act);
  };
}

class Tasks {
  constructor(place, run, acts) {
    this.place = place;
    this.run = run;
    this.rows = [];
    this.opened = new Map(); // a task that the reader has opened → the filter of its items
    this.closed = new Set(); // tasks that the filter has opened and the reader closed
    this.note = h("p", { class: "note", "aria-live": "polite" });
    this.lists = new ItemLists(run, () => this.change(), (error) => say(error.message));
    this.chosen = acts ? new Chosen(run, () => this.view?.show(this.rows.length)) : null;
    this.last = -1; // the row that was chosen last
    this.view = virtual({ heads: this.heads(), row: (at) => this.row(at), keyOf: (at) => String(this.rows[at]), height: ROW, label: "Tasks" });
    this.nextFailure = (event) => {
      event.preventDefault(); // of looking through the rows that exist
      return this.moveToFailure();
    };
    this.move = (event) => this.view.focusRow(this.view.focused() + event.detail);
  }

  filter() {
    const place = this.place;
    return { state: place.get("state"), text: place.get("q"), retried: place.get("retried") === "1", sort: place.get("sort") };
  }

  /** Return the filter of the items that are shown of a task; null if it is closed. */
  openedBy(task) {
    const { state: wanted, retried } = this.filter();
    if (!this.run.columns.isMapped(task)) return null;
    if (wanted || retried) return this.closed.has(task) ? null : { state: wanted, retried };
    return this.opened.get(task) ?? null;
  }

  filters() {
    const { state: chosen, text, retried } = this.filter();
    const set = (name, value, options) => {
      this.place.set({ [name]: value }, options);
      this.closed.clear();
      this.change();
    };
    return h(
      "form",
      { class: "filters", role: "search", submit: (event) => event.preventDefault() },
      h("input", {
        type: "search",
        "aria-label": "Name of a task",
        placeholder: "Name of a task",
        value: text,
        "data-search": true,
        input: (event) => set("q", event.target.value, { keep: true }),
      }),
      h(
        "select",
        { "aria-label": "State", change: (event) => set("state", event.target.value) },
        h("option", { value: "" }, "All states"),
        Object.keys(STATES)
          .filter((name) => STATES[name].letter)
          .map((name) => h("option", { value: name, selected: name === chosen }, looks(name).word)),
      ),
      h(
        "label",
        {},
        h("input", { type: "checkbox", checked: retried, change: (event) => set("retried", event.target.checked ? "1" : "") }),
        " Retried",
      ),
    );
  }

  heads() {
    return HEADS.map(([key, title, kind]) => {
      if (!key) return h("th", { scope: "col", class: kind }, title);
      const click = () => {
        const now = this.place.get("sort");
        this.place.set({ sort: now === key ? `-${key}` : now === `-${key}` ? "" : key }, { keep: true });
        this.change();
      };
      return h("th", { scope: "col", class: kind, "data-sort": key }, h("button", { class: "quiet", click }, title));
    });
  }

  showSort() {
    const sort = this.place.get("sort");
    for (const head of this.view.element.querySelectorAll("[data-sort]")) {
      const key = head.dataset.sort;
      const order = sort === key ? "ascending" : sort === `-${key}` ? "descending" : null;
      if (order) head.setAttribute("aria-sort", order);
      else head.removeAttribute("aria-sort");
    }
  }

  change() {
    const { columns } = this.run;
    const filter = this.filter();
    const tasks = matching(columns, filter, this.run.now());
    this.rows = tasks.flatMap((task) => {
      const opened = this.openedBy(task);
      return opened === null ? [task] : [task, ...this.lists.rows(task, opened)];
    });
    this.showSort();
    const all = tasks.length === columns.length;
    fill(this.note, all ? counted(tasks.length, "task") : `${number(tasks.length)} of ${counted(columns.length, "task")}`);
    if (tasks.length === 0) this.note.append(empty("No task matches."));
    this.view.show(this.rows.length);
  }

  hear(told) {
    const isSorted = this.place.get("sort") || this.place.get("state") || this.place.get("retried");
    this.chosen?.show();
    if (told.columns || told.items || told.retried || (told.tasks && isSorted)) this.change();
    else this.view.show(this.rows.length);
  }

  tick() {
    if (this.run.columns.states.includes("r") || this.rows.some(Array.isArray)) this.view.show(this.rows.length);
  }

  row(at) {
    const entry = this.rows[at];
    return typeof entry === "number" ? this.taskRow(entry, at) : this.itemRow(entry, at);
  }

  taskRow(task, at) {
    const { columns } = this.run;
    const name = columns.names[task];
    const toggle = () => this.toggle(task);
    const opened = this.openedBy(task);
    const isOpen = opened !== null;
    const opener = columns.isMapped(task)
      ? h("button", { class: "quiet", "aria-expanded": String(isOpen), "aria-label": `Items of ${name}`, click: toggle }, isOpen ? "▾" : "▸")
      : null;
    return this.cells({
      at,
      name,
      opener,
      state: columns.state(task),
      attempt: columns.attempts[task],
      waited: columns.waited[task],
      took: columns.lengthOf(task, this.run.now()),
      worker: columns.worker(task),
      notes: columns.isMapped(task)
        ? bar(columns.items[task])
        : (columns.errors[task] ?? columns.progress[task] ?? (columns.reused.has(task) ? "reused from an earlier run" : "")),
    });
  }

  itemRow(entry, at) {
    const [task, position, filter] = entry;
    const name = this.run.columns.names[task];
    if (position === CUT) return wide(`… and more: flowkit status ${this.run.id} --task ${quoted(name)} --items ${filter.state || "all"} --all`);
    if (position === MORE) {
      this.lists.more(task, filter);
      return wide("…");
    }
    const item = this.lists.item(entry);
    if (item === null) return wide(`${name}[${position}] …`);
    const started = item.started === null ? null : Date.parse(item.started);
    const isRunning = item.state === "running" && started !== null;
    const took = isRunning ? now() - started : item.duration === null ? null : item.duration * 1000;
    return this.cells({
      at,
      name: item.name,
      label: item.label,
      isItem: true,
      state: item.state,
      attempt: item.attempt,
      waited: started === null || item.queued === null ? null : started - Date.parse(item.queued),
      took,
      worker: item.worker,
      notes: item.error ?? "",
    });
  }

  cells({ at, name, label, opener, isItem, state: known, attempt, waited, took, worker, notes }) {
    const to = href(taskPath(this.run.id, name));
    return h(
      "tr",
      { class: isItem ? "item" : null, "data-row": true, "data-state": known, "data-chosen": this.chosen?.has(name) ?? null, tabindex: 0, keydown: enter },
      h("td", { class: "name", title: name }, this.chosen ? this.box(name, at) : null, opener, h("a", { href: to }, name), label ? h("span", { class: "note" }, ` ${label}`) : null),
      h("td", {}, state(known)),
      h("td", { class: "number extra" }, attempt > 1 ? `↻ ${number(attempt)}` : attempt || ""),
      h("td", { class: "number extra" }, length(waited)),
      h("td", { class: "number" }, length(took)),
      h("td", { class: "extra", title: worker }, worker),
      h("td", { class: "extra", title: typeof notes === "string" ? notes : null }, notes),
    );
  }

  toggle(task) {
    const { state: wanted, retried } = this.filter();
    const isOpen = this.openedBy(task) !== null;
    if (wanted || retried) this.closed[isOpen ? "add" : "delete"](task);
    else if (isOpen) this.opened.delete(task);
    else this.opened.set(task, {});
    this.change();
  }

  // -- chosen tasks -------------------------------------------------------------------------------

  box(name, at) {
    const click = (event) => this.chooseRow(at, event.shiftKey ? this.last : at);
    return h("input", { type: "checkbox", "aria-label": `Choose ${name}`, tabindex: -1, checked: this.chosen.has(name), click });
  }

  /** Choose the row at a position, or leave it out; with it all rows from another one. */
  chooseRow(at, from = at) {
    const name = this.nameAt(at);
    if (this.chosen === null || name === null) return;
    const isChosen = !this.chosen.has(name);
    const names = [];
    for (let row = Math.min(at, Math.max(0, from)); row <= Math.max(at, from); row += 1) names.push(this.nameAt(row));
    this.last = at;
    this.chosen.set(names.filter((found) => found !== null), isChosen);
  }

  nameAt(at) {
    const row = this.rows[at];
    if (typeof row === "number") return this.run.columns.names[row];
    return row === undefined || row[1] < 0 ? null : (this.lists.item(row)?.name ?? null);
  }

  // -- the next failure ---------------------------------------------------------------------------

  /** Move to the next task or item that has failed. Items of mapped tasks are opened for it. */
  async moveToFailure() {
    const { columns } = this.run;
    for (let at = this.view.focused() + 1; at < this.rows.length; at += 1) {
      const row = this.rows[at];
      if (typeof row === "number" && columns.items[row]?.failed > 0) await this.openFailed(row);
      else if (typeof row === "number" && columns.states[row] === "f") return this.view.focusRow(at);
      else if (Array.isArray(row) && row[1] === MORE && row[2].state === "failed") {
        await this.lists.more(row[0], row[2]);
        at -= 1; // its place has the next item now
      } else if (Array.isArray(row) && row[1] >= 0 && this.lists.item(row)?.state === "failed") return this.view.focusRow(at);
    }
    return say("No further failure.");
  }

  async openFailed(task) {
    const { state: wanted, retried } = this.filter();
    const filter = { state: "failed" };
    if (retried || (wanted && wanted !== "failed")) return;
    if (wanted) this.closed.delete(task);
    else this.opened.set(task, filter);
    if (this.lists.rows(task, filter).some(([, at]) => at === MORE)) await this.lists.more(task, filter);
    this.change();
  }
}

const wide = (text) => h("tr", { class: "item" }, h("td", { class: "name", colspan: HEADS.length }, text));

/** Open the row that has the focus. */
function enter(event) {
  if (event.key === "Enter" && event.target === event.currentTarget) event.currentTarget.querySelector("button, a").click();
}

const length = (ms) => (ms === null ? "" : span(ms / 1000));
