// A table of any length, of which only the rows in view exist. All rows are equally high.

import { fill, h } from "./dom.js";

const SPARE = 8; // rows above and below those in view

/**
 * Return a table {element, show, focusRow}. `heads`: the head cells. `row(at)`: makes the row at a
 * position. `keyOf(at)`: what the row at a position is about, so that the focus stays on it when rows are
 * added before it. `height`: of a row in pixels. `show(count)` says that there are so many rows, or that
 * they have changed.
 */
export function virtual({ heads, row, keyOf, height, label }) {
  const body = h("tbody", {});
  const table = h(
    "table",
    { class: "rows", "aria-label": label },
    h("thead", {}, h("tr", { "aria-rowindex": 1 }, heads)),
    body,
  );
  const element = h("div", { class: "scroll", tabindex: -1 }, table);
  let count = 0;
  let waiting = false;

  // Where the row that had a position is now; the same position if it is gone.
  const placeNow = (before, key) => {
    if (before < count && keyOf(before) === key) return before;
    for (let at = 0; at < count; at += 1) if (keyOf(at) === key) return at;
    return Math.min(before, count - 1);
  };
  const draw = () => {
    waiting = false;
    const seen = Math.ceil(element.clientHeight / height);
    const first = Math.max(0, Math.min(Math.floor(element.scrollTop / height), count - seen) - SPARE);
    const last = Math.min(count, first + seen + 2 * SPARE);
    const active = document.activeElement;
    const focused = body.contains(active) ? placeNow(positionOf(active), active.closest("tr").dataset.about) : -1;
    const inner = focused < 0 ? -1 : insides(active.closest("tr")).indexOf(active);
    const rows = [];
    for (let at = first; at < last; at += 1) {
      const made = row(at);
      made.setAttribute("aria-rowindex", at + 2);
      made.dataset.about = keyOf(at);
      rows.push(made);
    }
    fill(body, space(first * height), rows, space((count - last) * height));
    if (focused < first || focused >= last) return;
    const again = rows[focused - first];
    (insides(again)[inner] ?? again).focus({ preventScroll: true });
  };
  let isPressed = false; // a click needs the same element at its beginning and end
  const later = () => {
    if (!waiting && !isPressed) requestAnimationFrame(draw);
    waiting = true;
  };
  element.addEventListener("pointerdown", () => {
    isPressed = true;
    const release = () => {
      isPressed = false;
      setTimeout(draw);
    };
    addEventListener("pointerup", release, { once: true });
    addEventListener("pointercancel", release, { once: true });
  });
  element.addEventListener("scroll", later, { passive: true });
  new ResizeObserver(later).observe(element);

  const focusRow = (at) => {
    if (at < 0 || at >= count) return;
    const top = at * height;
    if (top < element.scrollTop) element.scrollTop = top;
    const under = top + 2 * height - element.clientHeight;
    if (under > element.scrollTop) element.scrollTop = under;
    draw();
    body.querySelector(`[aria-rowindex="${at + 2}"]`)?.focus({ preventScroll: true });
  };
  const show = (rows) => {
    count = rows;
    table.setAttribute("aria-rowcount", count + 1);
    later();
  };
  return { element, show, focusRow, focused: () => positionOf(document.activeElement) };
}

/** Return what can have the focus in a row. */
const insides = (row) => [...row.querySelectorAll("a, button, input")];

function positionOf(element) {
  const row = element?.closest?.("[aria-rowindex]");
  return row ? Number(row.getAttribute("aria-rowindex")) - 2 : -1;
}

function space(height) {
  const cell = h("td", {});
  cell.style.height = `${Math.max(0, height)}px`;
  return h("tr", { class: "space", "aria-hidden": "true" }, cell);
}
