// When the tasks of a run waited and ran: by worker or by task, on a canvas.

import { colours, surface } from "../canvas.js";
import { fill, h } from "../dom.js";
import { number, span } from "../format.js";
import { empty, state } from "../parts.js";
import { go } from "../router.js";
import { taskPath } from "../task_paths.js";
import { firstAfter, folded, lengthOf, marks, placeOf, rowsBy } from "../timeline.js";
import { TimelineData } from "../timeline_data.js";
import { visible } from "../visible.js";

const ROW = 22;
const AXIS = 24;
const REFRESH_MS = 1_000;

/** Open the tab. Returns what ends it. */
export function open({ element, place, run }) {
  const timeline = new Timeline(place, run);
  fill(element, timeline.controls(), timeline.legend(), timeline.surface.element, timeline.about);
  timeline.change();
  timeline.read();
  const stop = run.listen(() => {
    timeline.isStale = true;
  });
  const clock = setInterval(() => timeline.tick(), REFRESH_MS);
  return () => {
    timeline.data.ended = true;
    stop();
    clearInterval(clock);
    timeline.surface.end();
  };
}

class Timeline {
  constructor(place, run) {
    this.place = place;
    this.run = run;
    this.data = new TimelineData(run);
    this.rows = [];
    this.parts = [{ from: 0, to: 1, at: 0 }];
    this.isStale = false;
    this.about = h("p", { class: "note", "aria-live": "polite" });
    this.surface = surface({
      draw: (...given) => this.draw(...given),
      bounds: () => ({ width: lengthOf(this.parts) * 1.02, height: this.rows.length * ROW + AXIS + 4 }),
      label: "When tasks waited and ran. The tab Tasks has the same as a table.",
      flat: true,
      left: (width) => this.left(width),
      hover: (x, y) => this.hover(x, y),
      click: (x, y) => {
        const bar = this.barAt(x, y);
        if (bar) go(taskPath(run.id, bar.name));
      },
    });
  }

  controls() {
    const by = this.place.get("by", "worker");
    const pick = (value, text) =>
      h(
        "label",
        {},
        h("input", {
          type: "radio",
          name: "by",
          value,
          checked: by === value,
          change: () => {
            this.place.set({ by: value === "worker" ? null : value });
            this.surface.fit();
            this.change();
          },
        }),
        ` ${text}`,
      );
    const fold = h("input", {
      type: "checkbox",
      checked: this.place.get("fold") !== "0",
      change: (event) => {
        this.place.set({ fold: event.target.checked ? null : "0" }, { keep: true });
        this.surface.fit();
        this.change();
      },
    });
    return h(
      "form",
      { class: "filters", submit: (event) => event.preventDefault() },
      pick("worker", "By worker"),
      pick("task", "By task"),
      h("label", {}, fold, " Fold idle times"),
    );
  }

  legend() {
    const names = ["succeeded", "running", "failed", "waiting"];
    return h("p", { class: "facts note" }, names.map((name) => state(name)), h("span", {}, "░ in the queue"), h("span", {}, "┄ until the next attempt"), h("span", {}, "↻ not the first attempt"));
  }

  /** Read what the columns do not have. */
  async read() {
    if (this.isReading) return;
    this.isReading = true;
    try {
      this.isStale ||= await this.data.refresh();
      if (!this.data.ended) this.change();
    } catch (error) {
      fill(this.about, error.message);
    }
    this.isReading = false;
  }

  tick() {
    const isOver = this.run.header.status.finished !== null;
    if (isOver && !this.isStale) return;
    this.isStale = false;
    this.change();
    this.read();
  }

  change() {
    const { header } = this.run;
    const bars = this.data.bars();
    const end = bars.reduce((last, bar) => Math.max(last, bar.end), header.status.finished ? 0 : this.run.now());
    this.parts = folded(bars, end, { isOn: this.place.get("fold") !== "0" });
    this.rows = rowsBy(bars, this.place.get("by", "worker"));
    const height = this.rows.length * ROW + AXIS + 48; // the buttons are below the last row
    Object.assign(this.surface.canvas.style, { height: `min(60vh, ${height}px)`, minHeight: "6rem" });
    if (this.rows.length === 0) fill(this.about, empty("Nothing has started yet."));
    else if (this.data.isCut) fill(this.about, `The first ${number(this.data.items.length)} items of mapped tasks; there are more.`);
    this.surface.redraw();
  }

  /** Return where the bars begin: names of rows are left of them. */
  left(width) {
    return Math.min(190, Math.round(width * 0.28));
  }

  x(place, width) {
    const left = this.left(width);
    const { x, scale } = this.surface.view;
    return left + ((place - x) * scale * (width - left)) / width;
  }

  draw(context, width, height) {
    const colour = colours();
    const left = this.left(width);
    const { view } = this.surface;
    const from = view.x;
    const to = view.x + width / view.scale;
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    this.drawAxis(context, width, height, colour, from, to);
    const first = Math.max(0, Math.floor(view.y / ROW));
    const last = Math.min(this.rows.length, Math.ceil((view.y + height - AXIS) / ROW));
    for (let at = first; at < last; at += 1) {
      const top = AXIS + at * ROW - view.y;
      context.save();
      context.beginPath();
      context.rect(left, AXIS, width - left, height - AXIS);
      context.clip();
      this.drawRow(context, this.rows[at].bars, top, width, colour, from, to);
      context.restore();
      context.save();
      context.beginPath();
      context.rect(0, AXIS, left - 6, height - AXIS);
      context.clip();
      context.fillStyle = colour("text");
      context.fillText(visible(this.rows[at].name), 2, top + ROW / 2);
      context.restore();
    }
  }

  drawAxis(context, width, height, colour, from, to) {
    context.strokeStyle = colour("line");
    context.fillStyle = colour("soft");
    for (const { place, text } of marks(this.parts, from, to, (to - from) / Math.max(2, width / 110))) {
      const x = this.x(place, width);
      if (x < this.left(width)) continue;
      line(context, x, AXIS - 6, x, height);
      context.fillText(text, x + 3, AXIS / 2 - 2);
    }
    context.setLineDash([3, 3]);
    context.strokeStyle = colour("soft");
    for (const cut of this.parts.slice(1)) {
      const x = this.x(cut.at, width);
      if (x >= this.left(width)) line(context, x, 0, x, height);
    }
    context.setLineDash([]);
  }

  drawRow(context, bars, top, width, colour, from, to) {
    let drawn = -1;
    const [low, high] = [4, ROW - 8];
    const start = this.place.get("by", "worker") === "task" ? 0 : this.firstIn(bars, from);
    for (let at = start; at < bars.length; at += 1) {
      const bar = bars[at];
      const [queued, begun, end, due] = this.edges(bar, width);
      if (bar.start !== null && placeOf(this.parts, bar.start) > to) break;
      if (end < 0 || end <= drawn) continue; // not in view, or below the pixel of the one before
      if (begun > queued + 1 && this.place.get("by") === "task") {
        context.globalAlpha = 0.3;
        context.fillStyle = colour("queued");
        context.fillRect(queued, top + low + 4, begun - queued, high - 8);
        context.globalAlpha = 1;
      }
      if (due > end + 1 && this.place.get("by") === "task") {
        context.strokeStyle = colour("waiting");
        context.setLineDash([3, 3]);
        line(context, end, top + ROW / 2 - 0.5, due, top + ROW / 2 - 0.5);
        context.setLineDash([]);
      }
      if (bar.start === null) continue;
      context.fillStyle = colour(bar.state === "pending" ? "soft" : bar.state);
      const shown = Math.max(1, end - begun - (end - begun > 4 ? 1 : 0));
      context.fillRect(begun, top + low, shown, high);
      drawn = Math.max(begun + 1, Math.floor(end));
      this.drawText(context, bar, begun, shown, top, colour);
    }
  }

  drawText(context, bar, x, width, top, colour) {
    const begin = bar.attempt > 1 ? `↻${bar.attempt} ` : "";
    const name = this.place.get("by", "worker") === "task" ? "" : bar.name;
    if (width < 30 || begin + name === "") return;
    const isShort = context.measureText(begin + name).width > width - 6;
    const text = begin + (isShort ? (/\[\d+\]$/.exec(name)?.[0] ?? name) : name); // what tells items apart
    context.save();
    context.beginPath();
    context.rect(Math.max(x, 0), top, width - 3, ROW);
    context.clip();
    context.fillStyle = colour("ground");
    context.fillText(visible(text), Math.max(x, 0) + 4, top + ROW / 2);
    context.restore();
  }

  firstIn(bars, place) {
    const within = this.parts.findLast((found) => found.at <= Math.max(0, place)) ?? this.parts[0];
    return firstAfter(bars, Math.min(within.to, within.from + Math.max(0, place) - within.at));
  }

  edges(bar, width) {
    const x = (time) => this.x(placeOf(this.parts, time), width);
    return [x(bar.queued), bar.start === null ? x(bar.end) : x(bar.start), x(bar.end), x(bar.due ?? bar.end)];
  }

  barAt(x, y) {
    const { width } = this.surface.size;
    const row = this.rows[Math.floor((y - AXIS + this.surface.view.y) / ROW)];
    if (y < AXIS || row === undefined || x < this.left(width)) return null;
    return row.bars.find((bar) => {
      const [queued, begun, end, due] = this.edges(bar, width);
      const isByTask = this.place.get("by") === "task";
      return x >= (isByTask ? queued : begun) - 1 && x <= Math.max(isByTask ? due : end, begun + 2) + 1;
    });
  }

  hover(x, y) {
    const bar = this.barAt(x, y);
    this.surface.canvas.classList.toggle("points", Boolean(bar));
    if (!bar) return;
    const waited = bar.start === null ? bar.end - bar.queued : bar.start - bar.queued;
    const ran = bar.start === null ? "not started" : `ran ${span((bar.end - bar.start) / 1000)}`;
    const next = bar.due > bar.end ? `, then ${span((bar.due - bar.end) / 1000)} until the next attempt` : "";
    const attempt = bar.attempt > 1 ? `, attempt ${bar.attempt}` : "";
    fill(this.about, h("b", {}, bar.name), " ", state(bar.state), `${attempt}: in the queue ${span(waited / 1000)}, ${ran}${next}`, bar.worker ? ` on ${bar.worker}` : "");
  }
}

function line(context, x, y, toX, toY) {
  context.beginPath();
  context.moveTo(Math.round(x) + 0.5, y);
  context.lineTo(Math.round(toX) + 0.5, toY);
  context.stroke();
}
