// What tasks printed and logged: the last lines, and new ones as they come.

import { follow, part } from "../api.js";
import { quoted } from "../commands.js";
import { fill, h } from "../dom.js";
import { number } from "../format.js";
import { Lines, clock, fits, source } from "../log_lines.js";
import { copied, empty } from "../parts.js";
import { href } from "../router.js";
import { taskPath } from "../task_paths.js";

const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR"];
const NEAR = 30; // pixels from the end that count as the end

function lineRow(line, { runId, task }) {
  const to = href(taskPath(runId, line.task));
  const loud = ["WARNING", "ERROR", "CRITICAL"].includes(line.level);
  const level = line.stream === "log" || line.level !== "INFO" ? line.level : line.stream === "stderr" ? "stderr" : "";
  return [
    line.missing > 0 ? h("div", { class: "gap" }, `… ${number(line.missing)} lines are missing here …`) : null,
    h(
      "div",
      { class: "line", "data-level": loud ? line.level : null },
      h("time", { datetime: line.time, title: line.time }, clock(line.time)),
      task === line.task ? null : h("a", { href: to }, source(line)),
      level ? h("span", { class: "level" }, level) : null,
      h("span", { class: "text" }, line.text),
    ),
  ];
}

/** Open the tab. `task`: of this task only, if it is not chosen in the address. */
export function open({ element, place, run, task = null }) {
  const view = new LogView(element, place, run.id, task);
  view.start();
  return () => view.stop();
}

class LogView {
  constructor(element, place, runId, task) {
    this.place = place;
    this.runId = runId;
    this.task = task;
    this.stop = () => {};
    this.list = h("div", { class: "log", role: "log", tabindex: 0, "aria-label": "Lines", "aria-live": "off" });
    this.note = h("p", { class: "note" });
    this.toEnd = h("button", { type: "button", hidden: true, click: () => this.goToEnd() }, "To the end");
    this.list.addEventListener("scroll", () => {
      const { scrollTop, scrollHeight, clientHeight } = this.list;
      this.sticks = scrollHeight - scrollTop - clientHeight < NEAR;
      this.toEnd.hidden = this.sticks;
    });
    element.addEventListener("attempt", (event) => this.showAttempt(String(event.detail)));
    fill(element, this.filters(), this.note, this.list, h("p", { class: "answers" }, this.toEnd));
  }

  filters() {
    const again = (name) => (event) => {
      this.place.set({ [name]: event.target.value.trim() });
      this.start();
    };
    const { place } = this;
    const level = place.get("level");
    return h(
      "form",
      { class: "filters", role: "search", submit: (event) => event.preventDefault() },
      h("input", {
        type: "search",
        "aria-label": "Search in the lines",
        placeholder: "Search",
        value: place.get("q"),
        "data-search": true,
        input: (event) => {
          place.set({ q: event.target.value }, { keep: true });
          this.showAll();
        },
      }),
      h(
        "select",
        { "aria-label": "Level", change: again("level") },
        h("option", { value: "" }, "All levels"),
        LEVELS.map((name) => h("option", { value: name, selected: name === level }, `${name} and above`)),
      ),
      this.task === null
        ? h("input", { "aria-label": "Task", placeholder: "All tasks", value: place.get("task"), change: again("task") })
        : null,
      h("input", {
        "aria-label": "Attempt",
        placeholder: "All attempts",
        inputmode: "numeric",
        pattern: "[0-9]*",
        size: 10,
        value: place.get("attempt"),
        change: again("attempt"),
      }),
    );
  }

  /** Show the lines of one attempt. */
  showAttempt(attempt) {
    this.place.set({ attempt });
    this.list.parentElement.querySelector('[aria-label="Attempt"]').value = attempt;
    this.start();
    this.list.scrollIntoView({ block: "nearest" });
    this.list.focus();
  }

  start() {
    this.stop();
    this.lines = new Lines();
    this.sticks = true;
    const task = this.task ?? this.place.get("task");
    const query = { task, level: this.place.get("level"), attempt: this.place.get("attempt") };
    fill(this.list);
    this.stop = follow(`/live/runs/${part(this.runId)}/logs`, query, (told) => this.hear(told));
  }

  hear(told) {
    if (told.gone || told.trouble) {
      fill(this.note, told.gone ?? told.trouble);
      return;
    }
    const added = this.lines.take(told);
    if (added === null) this.showAll();
    else this.add(added);
  }

  get sought() {
    return this.place.get("q");
  }

  rows(lines) {
    const task = this.task ?? this.place.get("task");
    return lines.filter((line) => fits(line, this.sought)).map((line) => lineRow(line, { runId: this.runId, task }));
  }

  add(lines) {
    this.list.append(...this.rows(lines).flat().filter(Boolean));
    const extra = this.list.childElementCount - this.lines.most;
    for (let at = 0; at < extra; at += 1) this.list.firstElementChild.remove();
    this.told();
  }

  showAll() {
    const rows = this.rows(this.lines.items);
    if (rows.length > 0) fill(this.list, rows);
    else fill(this.list, this.nothing());
    this.told();
  }

  nothing() {
    if (this.lines.items.length > 0) return empty("No line matches.");
    if (this.lines.earlier) return empty("None of the newest lines match. The command searches all of them.");
    if (!this.lines.over) return empty("No lines yet.");
    return empty("No lines are stored. Workers keep what tasks print unless FLOWKIT_TASK_LOGS is false.");
  }

  told() {
    const { skipped, earlier } = this.lines;
    const task = this.task ?? this.place.get("task");
    const command = `flowkit logs ${this.runId}${task ? ` ${quoted(task)}` : ""}`;
    const some = earlier ? "Earlier lines" : skipped > 0 ? `${number(skipped)} earlier lines` : "";
    fill(this.note, some ? [`${some} are not shown: `, copied(command)] : null);
    if (this.sticks) this.goToEnd();
  }

  goToEnd() {
    this.list.scrollTop = this.list.scrollHeight;
  }
}
