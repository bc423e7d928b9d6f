// The tasks of a run that a reader has chosen, and what can be done with them.

import { part } from "./api.js";
import { resumeCommand, retryCommand } from "./commands.js";
import { carryOut } from "./dialog.js";
import { fill, h } from "./dom.js";
import { counted } from "./format.js";
import { RUN_OVER } from "./states.js";

const MOST = 10_000; // names in one action

const button = (text, click) => h("button", { type: "button", click }, text);

/** The chosen names. `changed()` is called when they have changed. */
export class Chosen {
  constructor(run, changed) {
    this.run = run;
    this.changed = changed;
    this.names = new Set();
    this.element = h("p", { class: "actions", "aria-label": "Chosen tasks" });
    this.show();
  }

  has(name) {
    return this.names.has(name);
  }

  /** Choose names, or leave them out. */
  set(names, isChosen) {
    for (const name of names) {
      if (!isChosen) this.names.delete(name);
      else if (this.names.size < MOST) this.names.add(name);
    }
    this.show();
    this.changed();
  }

  clear() {
    this.set([...this.names], false);
  }

  /** Choose all tasks that have failed, and mapped tasks of which items have. */
  allFailed() {
    const { columns } = this.run;
    const failed = columns.names.filter((_, task) => columns.states[task] === "f" || columns.items[task]?.failed > 0);
    this.names = new Set(failed.slice(0, MOST));
    this.show();
    this.changed();
  }

  /** Show the buttons that fit. */
  show() {
    const { columns, header } = this.run;
    const count = this.names.size;
    const isOver = RUN_OVER.includes(header.status.state);
    const isFailed = columns.states.includes("f") || Object.values(columns.items).some((items) => items.failed > 0);
    const shape = `${count} ${isOver} ${isFailed}`;
    if (shape === this.shape) return;
    this.shape = shape;
    const focused = this.element.contains(document.activeElement) ? document.activeElement.textContent : null;
    fill(
      this.element,
      isFailed ? button("Choose all failed", () => this.allFailed()) : null,
      count > 0 ? [h("span", {}, `${counted(count, "task")} chosen`), button("Retry chosen", () => this.retry())] : null,
      count > 0 && isOver ? button("Resume from chosen", () => this.resume()) : null,
      count > 0 ? button("Choose none", () => this.clear()) : null,
    );
    if (focused !== null) ([...this.element.children].find((child) => child.textContent === focused) ?? this.element.querySelector("button"))?.focus();
  }

  async retry() {
    const tasks = [...this.names];
    const isDone = await carryOut({
      title: `Retry ${counted(tasks.length, "task")}?`,
      text: `${tasks.length === 1 ? "It starts" : "They start"} again at once. Of tasks that must not start twice by themselves, check first whether their work was done.`,
      verb: "Retry",
      path: `/runs/${part(this.run.id)}/retry`,
      body: { tasks },
      done: `${counted(tasks.length, "task")} ${tasks.length === 1 ? "starts" : "start"} again.`,
      command: retryCommand(this.run.id, tasks),
    });
    if (isDone) this.clear();
  }

  async resume() {
    const tasks = [...this.names];
    const isDone = await carryOut({
      title: `Resume from ${counted(tasks.length, "task")}?`,
      text: "These tasks and all tasks after them run again, beside those that did not succeed.",
      verb: "Resume",
      path: `/runs/${part(this.run.id)}/resume`,
      body: { from_task: tasks },
      done: "The run continues from these tasks.",
      command: resumeCommand(this.run.id, tasks),
    });
    if (isDone) this.clear();
  }
}
