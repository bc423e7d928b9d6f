// The tasks of a run as a table: filters, sorting, and items of mapped tasks in parts.

import { get, now, part } from "../api.js";
import { matching } from "../columns.js";
import { fill, h } from "../dom.js";
import { counted, number, span } from "../format.js";
import { bar, empty, state } from "../parts.js";
import { href } from "../router.js";
import { STATES, looks } from "../states.js";
import { taskPath } from "../task_paths.js";
import { virtual } from "../virtual.js";

const ROW = 34;
const PART = 200;
const MOST_ITEMS = 10_000; // of one task in the table
const AGAIN_MS = 2_000; // between two readings of the same items
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
export function open({ element, place, run }) {
  const table = new Tasks(place, run);
  fill(element, table.filters(), table.note, table.view.element);
  table.change();
  const stop = run.listen((told) => table.hear(told));
  const clock = setInterval(() => table.tick(), 1000);
  document.addEventListener("failure", table.nextFailure);
  document.addEventListener("move", table.move);
  return () => {
    stop();
    clearInterval(clock);
    document.removeEventListener("failure", table.nextFailure);
    document.removeEventListener("move", table.move);
  };
}

class Tasks {
  constructor(place, run) {
    this.place = place;
    this.run = run;
    this.rows = []; // a number is a task; [task, index] is an item
    this.parts = new Map(); // of items that were read: "task.part" → {items, at}
    this.opened = new Set();
    this.note = h("p", { class: "note", "aria-live": "polite" });
    this.view = virtual({ heads: this.heads(), row: (at) => this.row(at), height: ROW, label: "Tasks" });
    this.nextFailure = () => this.find((at) => this.isFailed(at));
    this.move = (event) => this.view.focusRow(this.view.focused() + event.detail);
  }

  filter() {
    const place = this.place;
    return { state: place.get("state"), text: place.get("q"), retried: place.get("retried") === "1", sort: place.get("sort") };
  }

  filters() {
    const { state: chosen, text, retried } = this.filter();
    const set = (name, value, options) => {
      this.place.set({ [name]: value }, options);
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
    this.rows = tasks.flatMap((task) => (this.opened.has(task) ? [task, ...this.itemRows(task)] : [task]));
    this.showSort();
    const all = tasks.length === columns.length;
    fill(this.note, all ? counted(tasks.length, "task") : `${number(tasks.length)} of ${counted(columns.length, "task")}`);
    if (tasks.length === 0) this.note.append(empty("No task matches."));
    this.view.show(this.rows.length);
  }

  itemRows(task) {
    const total = Object.values(this.run.columns.items[task] ?? {}).reduce((sum, count) => sum + count, 0);
    const rows = Array.from({ length: Math.min(total, MOST_ITEMS) }, (_, index) => [task, index]);
    return total > MOST_ITEMS ? [...rows, [task, -1]] : rows;
  }

  hear(told) {
    const isSorted = this.place.get("sort") || this.place.get("state") || this.place.get("retried");
    if (told.columns || told.items || (told.tasks && isSorted)) this.change();
    else this.view.show(this.rows.length);
  }

  tick() {
    if (this.run.columns.states.includes("r") || this.opened.size > 0) this.view.show(this.rows.length);
  }

  row(at) {
    const entry = this.rows[at];
    return typeof entry === "number" ? this.taskRow(entry) : this.itemRow(...entry);
  }

  taskRow(task) {
    const { columns } = this.run;
    const name = columns.names[task];
    const toggle = () => this.toggle(task);
    const isOpen = this.opened.has(task);
    const opener = columns.isMapped(task)
      ? h("button", { class: "quiet", "aria-expanded": String(isOpen), "aria-label": `Items of ${name}`, click: toggle }, isOpen ? "▾" : "▸")
      : null;
    return this.cells({
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

  itemRow(task, index) {
    const name = this.run.columns.names[task];
    if (index < 0) {
      const text = `… and more: flowkit status ${this.run.id} --task ${name} --items --all`;
      return h("tr", { class: "item" }, h("td", { colspan: HEADS.length }, text));
    }
    const item = this.item(task, index);
    if (item === null) return h("tr", { class: "item" }, h("td", { colspan: HEADS.length }, `${name}[${index}] …`));
    const started = item.started === null ? null : Date.parse(item.started);
    const isRunning = item.state === "running" && started !== null;
    const took = isRunning ? now() - started : item.duration === null ? null : item.duration * 1000;
    return this.cells({
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

  cells({ name, label, opener, isItem, state: known, attempt, waited, took, worker, notes }) {
    const to = href(taskPath(this.run.id, name));
    return h(
      "tr",
      { class: isItem ? "item" : null, "data-row": true, "data-state": known, tabindex: 0, keydown: enter },
      h("td", { class: "name", title: name }, opener, h("a", { href: to }, name), label ? h("span", { class: "note" }, ` ${label}`) : null),
      h("td", {}, state(known)),
      h("td", { class: "number extra" }, attempt > 1 ? `↻ ${number(attempt)}` : attempt || ""),
      h("td", { class: "number extra" }, length(waited)),
      h("td", { class: "number" }, length(took)),
      h("td", { class: "extra", title: worker }, worker),
      h("td", { class: "extra", title: typeof notes === "string" ? notes : null }, notes),
    );
  }

  toggle(task) {
    if (!this.opened.delete(task)) this.opened.add(task);
    this.change();
  }

  /** Return an item, null while it is being read. What was read some time ago is read again. */
  item(task, index) {
    const at = Math.floor(index / PART);
    const key = `${task}.${at}`;
    const known = this.parts.get(key);
    const counts = JSON.stringify(this.run.columns.items[task]);
    const isOld = known && known.counts !== counts && Date.now() - known.read > AGAIN_MS;
    if ((!known || isOld) && !known?.isComing) this.read(task, at, key, counts);
    return this.parts.get(key).items[index - at * PART] ?? null;
  }

  async read(task, at, key, counts) {
    const known = this.parts.get(key) ?? { items: [] };
    this.parts.set(key, { ...known, isComing: true });
    let items = known.items;
    try {
      const query = { task: this.run.columns.names[task], start: at * PART, limit: PART };
      ({ items } = await get(`/runs/${part(this.run.id)}/items`, query));
    } catch (error) {
      fill(this.note, error.message);
    }
    this.parts.set(key, { items, counts, read: Date.now(), isComing: false });
    this.view.show(this.rows.length);
  }

  isFailed(at) {
    const entry = this.rows[at];
    if (typeof entry === "number") return this.run.columns.states[entry] === "f" || this.run.columns.items[entry]?.failed > 0;
    const read = this.parts.get(`${entry[0]}.${Math.floor(entry[1] / PART)}`);
    return read?.items[entry[1] % PART]?.state === "failed";
  }

  find(fits) {
    for (let at = this.view.focused() + 1; at < this.rows.length; at += 1) {
      if (fits(at)) return this.view.focusRow(at);
    }
    return undefined;
  }
}

/** Open the row that has the focus. */
function enter(event) {
  if (event.key === "Enter" && event.target === event.currentTarget) event.currentTarget.querySelector("button, a").click();
}

const length = (ms) => (ms === null ? "" : span(ms / 1000));
