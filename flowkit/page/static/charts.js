// Small charts, as SVG. Each has a text with the same content for screen readers.

import { h } from "./dom.js";
import { counted, span } from "./format.js";
import { barPart, linePath, logPart, roundUp } from "./scales.js";
import { looks } from "./states.js";

function box(width, height, text, kind) {
  const fit = kind === "runs" ? "xMinYMax meet" : "none"; // crosses must not be stretched
  return h(
    "svg:svg",
    { class: kind, viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: fit, role: "img", "aria-label": text },
    h("svg:title", {}, text),
  );
}

/** Return how many tasks waited, as a line with an area. */
export function depthLine(values) {
  const known = values.filter((value) => value !== null);
  const most = Math.max(0, ...known);
  const now = known.at(-1) ?? 0;
  const svg = box(160, 30, `${counted(now, "task")} now, at most ${most} while this was watched`, "spark");
  const path = linePath(values, 160, 28, roundUp(most));
  if (known.length > 1) svg.append(h("svg:path", { d: path, class: "line", "vector-effect": "non-scaling-stroke" }));
  return svg;
}

const describe = (run) => `${looks(run.state).word}, ${run.duration === null ? "not over" : span(run.duration)}`;

/** Return runs as bars, the oldest at the left: the height is the duration; one that failed has a cross. */
export function runBars(runs, { kind = "spark", open = null } = {}) {
  const ordered = runs.toReversed();
  const most = Math.max(0, ...ordered.map((run) => run.duration ?? 0));
  const failed = ordered.filter((run) => run.state === "failed").length;
  const text = `${counted(ordered.length, "run")}, ${failed} failed, the longest took ${span(most)}`;
  const slots = Math.max(ordered.length, kind === "spark" ? 30 : 20);
  const svg = box(slots * 10, 110, text, kind);
  ordered.forEach((run, at) => {
    const height = run.duration === null ? 100 : 100 * barPart(run.duration, most);
    const x = (kind === "spark" ? slots - ordered.length + at : at) * 10;
    const bar = h(
      "svg:g",
      { class: run.duration === null ? "fill open" : "fill", "data-state": run.state },
      h("svg:title", {}, `${run.run_id}: ${describe(run)}`),
      h("svg:rect", { x: x + 1, y: 110 - height, width: 8, height }),
      run.state === "failed" ? h("svg:path", { class: "cross", d: `M${x + 2} 1l6 7M${x + 8} 1l-6 7` }) : null,
    );
    if (open) bar.addEventListener("click", () => open(run));
    svg.append(bar);
  });
  return svg;
}

/** Return percentiles of durations on a scale from `least` to `most`: p10 to p90, median, p99. */
export function spreadBar(took, least, most) {
  const x = (value) => (200 * logPart(value, least, most)).toFixed(1);
  const text = `median ${span(took.p50)}, 90 % in ${span(took.p90)}, 99 % in ${span(took.p99)}`;
  const svg = box(204, 20, text, "spread");
  const line = (from, to) => h("svg:path", { class: "line", d: `M${x(from)} 10H${x(to)}` });
  svg.append(
    line(took.p10, took.p99),
    h("svg:rect", { class: "box", x: x(took.p10), y: 5, width: Math.max(2, x(took.p90) - x(took.p10)), height: 10 }),
    h("svg:rect", { class: "mark", x: x(took.p50), y: 2, width: 3, height: 16 }),
  );
  return svg;
}
