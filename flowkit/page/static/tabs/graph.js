// The graph of a run on a canvas, with the states of its tasks, and a list of the same boxes.

import { get, part } from "../api.js";
import { colours, surface } from "../canvas.js";
import { fill, h } from "../dom.js";
import { counted, number } from "../format.js";
import { state } from "../parts.js";
import { around, barOf, countsOf, found, isSeen, leading, shares } from "../plan.js";
import { go, href } from "../router.js";
import { STATES, looks } from "../states.js";
import { taskPath } from "../task_paths.js";
import { visible } from "../visible.js";

const LEAST_TEXT = 0.45; // of the scale: below, boxes have no text
const MOST_LISTED = 500;
const FAINT = 0.25; // what a search does not find

/** Open the tab. Returns what ends it. */
export async function open({ element, place, run }) {
  const plan = await get(`/runs/${part(run.id)}/graph`, { collapse: place.get("collapse") });
  if (plan.too_large) {
    fill(element, tooLarge(run));
    return undefined;
  }
  const graph = new Graph(place, run, plan);
  fill(element, graph.controls(), graph.surface.element, graph.about, graph.list);
  graph.search();
  const stop = run.listen((told) => graph.hear(told));
  const keys = { failure: graph.toFailure, move: graph.toNeighbour };
  for (const [name, act] of Object.entries(keys)) document.addEventListener(name, act);
  return () => {
    stop();
    for (const [name, act] of Object.entries(keys)) document.removeEventListener(name, act);
    graph.surface.end();
  };
}

function tooLarge(run) {
  return [
    h("p", {}, `This graph of ${counted(run.columns.length, "task")} is too large to be drawn, also with similar tasks in one box.`),
    h("p", {}, "The tab Tasks has all of them."),
  ];
}

class Graph {
  constructor(place, run, plan) {
    this.place = place;
    this.run = run;
    this.plan = plan;
    this.bounds = plan.lines.map(around);
    this.hits = [];
    this.at = -1; // of the hit that is shown
    this.chosen = -1;
    this.about = h("p", { class: "note", "aria-live": "polite" });
    this.list = h("details", { toggle: () => this.showList() }, h("summary", {}, "The same as a list"));
    this.surface = surface({
      draw: (...given) => this.draw(...given),
      bounds: () => ({ width: plan.width + 40, height: plan.height + 40 }),
      label: "The graph of the run. j and k choose a box, Enter opens it. The list below has the same boxes.",
      hover: (x, y) => this.hover(x, y),
      click: (x, y) => this.click(this.boxAt(x, y)),
    });
    this.surface.canvas.addEventListener("keydown", (event) => event.key === "Enter" && this.click(this.chosen));
    this.toFailure = (event) => {
      event.preventDefault(); // of looking through rows
      this.nextFailed();
    };
    this.toNeighbour = (event) => this.show(Math.max(0, Math.min(this.chosen + event.detail, plan.boxes.length - 1)));
  }

  controls() {
    const search = h("input", {
      type: "search",
      "aria-label": "Find a task",
      placeholder: "Find a task",
      value: this.place.get("q"),
      "data-search": true,
      input: (event) => {
        this.place.set({ q: event.target.value }, { keep: true });
        this.search();
      },
    });
    const states = h(
      "select",
      {
        "aria-label": "State",
        change: (event) => {
          this.place.set({ state: event.target.value });
          this.search();
        },
      },
      h("option", { value: "" }, "All states"),
      Object.keys(STATES)
        .filter((name) => STATES[name].letter)
        .map((name) => h("option", { value: name, selected: name === this.place.get("state") }, looks(name).word)),
    );
    const isCollapsed = this.plan.collapsed;
    const share = h("input", {
      type: "checkbox",
      checked: isCollapsed,
      change: (event) => {
        this.place.set({ collapse: String(event.target.checked) });
        this.place.reopen();
      },
    });
    const next = (event) => {
      event.preventDefault();
      this.next();
    };
    return h(
      "form",
      { class: "filters", role: "search", submit: next },
      search,
      states,
      h("button", {}, "Next"),
      h("button", { type: "button", click: () => this.nextFailed() }, "Next failure"),
      h("label", {}, share, " Similar tasks in one box"),
    );
  }

  search() {
    this.find();
    this.at = -1;
    if (this.isSought) fill(this.about, this.hits.length > 0 ? counted(this.hits.length, "box", "boxes") : "No task matches.");
    if (this.hits.length > 0) this.next();
    else this.surface.redraw();
  }

  find() {
    const [text, wanted] = [this.place.get("q"), this.place.get("state")];
    this.isSought = text.trim() !== "" || wanted !== "";
    this.hits = found(this.plan.boxes, this.run.columns, text, wanted);
  }

  next() {
    if (this.hits.length === 0) return;
    this.at = (this.at + 1) % this.hits.length;
    this.show(this.hits[this.at]);
  }

  nextFailed() {
    const { boxes } = this.plan;
    for (let step = 1; step <= boxes.length; step += 1) {
      const at = (this.chosen + step + boxes.length) % boxes.length;
      if (leading(this.counts(at)) === "failed") {
        this.show(at);
        return;
      }
    }
    fill(this.about, "No task has failed.");
  }

  counts(at) {
    return countsOf(this.plan.boxes[at], this.run.columns);
  }

  show(at) {
    const [left, top, width, height] = this.plan.boxes[at].at;
    this.chosen = at;
    this.tell(at);
    this.surface.center(left + width / 2 + 20, top + height / 2 + 20);
  }

  hear(told) {
    if (!told.tasks && !told.items && !told.columns) return;
    if (this.place.get("state")) this.find();
    this.surface.redraw();
    if (this.list.open) this.showList();
  }

  boxAt(x, y) {
    const { view } = this.surface;
    const [wide, tall] = [x / view.scale + view.x - 20, y / view.scale + view.y - 20];
    return this.plan.boxes.findIndex(({ at: [left, top, width, height] }) => wide >= left && wide <= left + width && tall >= top && tall <= top + height);
  }

  hover(x, y) {
    const at = this.boxAt(x, y);
    this.surface.canvas.classList.toggle("points", at >= 0);
    if (at >= 0 && at !== this.told) this.tell(at);
    this.told = at;
  }

  tell(at) {
    const { tasks } = this.plan.boxes[at];
    const { columns } = this.run;
    if (tasks.length > 1) fill(this.about, h("b", {}, this.plan.boxes[at].title), ` ${counted(tasks.length, "task")}: `, this.words(at));
    else fill(this.about, h("a", { href: href(taskPath(this.run.id, columns.names[tasks[0]])) }, columns.names[tasks[0]]), " ", state(columns.state(tasks[0])), ` ${columns.errors[tasks[0]] ?? ""} `, columns.isMapped(tasks[0]) ? ["Items: ", this.words(at)] : null);
  }

  words(at) {
    return Object.entries(barOf(this.plan.boxes[at], this.run.columns)).map(([name, count]) => h("span", {}, `${number(count)} `, state(name), " "));
  }

  click(at) {
    if (at < 0) return;
    const { tasks, title } = this.plan.boxes[at];
    if (tasks.length === 1) go(taskPath(this.run.id, this.run.columns.names[tasks[0]]));
    else go(`/runs/${part(this.run.id)}?q=${part(title.split("…")[0].trim())}`);
  }

  showList() {
    const shown = this.plan.boxes.slice(0, MOST_LISTED);
    const more = this.plan.boxes.length - shown.length;
    const rows = shown.map((box, at) =>
      h("li", {}, h("button", { class: "quiet", click: () => this.show(at) }, box.title), " ", this.words(at)),
    );
    const focused = [...this.list.querySelectorAll("button")].indexOf(document.activeElement);
    fill(this.list, h("summary", {}, "The same as a list"), h("ul", {}, rows), more > 0 ? h("p", {}, `… and ${number(more)} more; the tab Tasks has all tasks.`) : null);
    if (focused >= 0) this.list.querySelectorAll("button")[focused]?.focus();
  }

  // -- drawing ------------------------------------------------------------------------------------

  draw(context, width, height) {
    const { x, y, scale } = this.surface.view;
    const colour = colours();
    const window = { left: x - 20, top: y - 20, right: x + width / scale - 20, bottom: y + height / scale - 20 };
    context.scale(scale, scale);
    context.translate(20 - x, 20 - y);
    this.drawLines(context, colour, window, scale);
    context.textBaseline = "middle";
    const hits = new Set(this.hits);
    for (const [at, box] of this.plan.boxes.entries()) {
      context.globalAlpha = this.isSought && !hits.has(at) ? FAINT : 1;
      if (isSeen(box.at, window)) this.drawBox(context, at, colour, scale, hits.has(at));
    }
    context.globalAlpha = 1;
  }

  drawLines(context, colour, window, scale) {
    const { lines, passing } = this.plan;
    context.strokeStyle = colour("soft");
    context.lineWidth = Math.max(1, 0.7 / scale);
    context.globalAlpha = lines.length > 1000 ? 0.35 : 0.7;
    for (const [at, line] of lines.entries()) {
      if (line.length === 0 || !isSeen(this.bounds[at], window)) continue;
      if (at >= passing) context.setLineDash([5, 4]);
      context.beginPath();
      context.moveTo(line[0], line[1]);
      for (let to = 2; to < line.length; to += 2) curve(context, line, to);
      context.stroke();
    }
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  drawBox(context, at, colour, scale, isHit) {
    const { title, tasks, at: place } = this.plan.boxes[at];
    const [left, top, width, height] = place;
    const counts = this.counts(at);
    const look = leading(counts);
    context.fillStyle = colour("raised");
    context.strokeStyle = isHit || at === this.chosen ? colour("focus") : colour(look);
    context.lineWidth = isHit || at === this.chosen ? Math.max(3, 2 / scale) : 1.5;
    context.beginPath();
    context.roundRect(left, top, width, height, 6);
    context.fill();
    context.stroke();
    for (const { state: name, from, to } of shares(barOf(this.plan.boxes[at], this.run.columns))) {
      context.fillStyle = colour(name === "pending" ? "line" : name);
      context.fillRect(left + 3 + from * (width - 6), top + height - 7, (to - from) * (width - 6), 4);
    }
    if (scale < LEAST_TEXT) return;
    const { symbol, word } = looks(look);
    context.font = "13px system-ui, sans-serif";
    context.fillStyle = colour("text");
    context.fillText(visible(title), left + 10, top + 13, width - 16);
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = colour(look);
    const text = tasks.length === 1 ? word : `${number(counts[look])} ${word} of ${number(tasks.length)}`;
    context.fillText(`${symbol} ${text}`, left + 10, top + 28, width - 16);
  }
}

function curve(context, line, to) {
  const [x, y, toX, toY] = [line[to - 2], line[to - 1], line[to], line[to + 1]];
  const middle = (x + toX) / 2;
  if (y === toY) context.lineTo(toX, toY);
  else context.bezierCurveTo(middle, y, middle, toY, toX, toY);
}
