// Parts that several views have: a state, a time, an id to copy, a bar of states, an empty list.

import { fill, h } from "./dom.js";
import { number, span } from "./format.js";
import { now, shownTime } from "./moments.js";
import { looks } from "./states.js";

/** Return a state as symbol and word. */
export function state(name) {
  const { symbol, word } = looks(name);
  return h("span", { class: "state", "data-state": name }, h("span", { "aria-hidden": "true" }, symbol), ` ${word}`);
}

/** Return a time, as `moments.js` shows it; the tooltip has it in UTC and in the local zone. */
export function time(text) {
  if (!text) return h("span", {}, "");
  const date = new Date(text);
  const title = `${date.toLocaleString()}\n${date.toISOString()}`;
  return h("time", { datetime: text, title, "data-shown": "moment" }, shownTime(date.getTime()));
}

/** Return a time as date and clock time, for what is compared with other times; the tooltip has it in UTC, too. */
export function clock(text) {
  if (!text) return h("span", {}, "");
  const date = new Date(text);
  return h("time", { datetime: text, title: date.toISOString() }, date.toLocaleString());
}

/** Return how long something has taken since a time. */
export function soFar(text) {
  return h("time", { datetime: text, "data-shown": "so far" }, elapsed(Date.parse(text)));
}

const elapsed = (time) => span(Math.max(1, Math.round((now() - time) / 1000)));

/** Bring the times in the page up to date. */
export function tick() {
  for (const element of document.querySelectorAll("time[data-shown]")) {
    const text = (element.dataset.shown === "moment" ? shownTime : elapsed)(Date.parse(element.dateTime));
    if (element.textContent !== text) element.textContent = text;
  }
}

/** Return an id with a button that copies it. `to`: where the id leads. */
export function copied(text, to = null) {
  const button = h(
    "button",
    {
      class: "copy",
      type: "button",
      title: "Copy",
      "aria-label": `Copy ${text}`,
      click: async (event) => {
        event.preventDefault();
        event.stopPropagation();
        say((await copy(text)) ? `Copied ${text}` : "The browser did not copy it: select the text instead.");
      },
    },
    h(
      "svg:svg",
      { viewBox: "0 0 16 16", width: 12, height: 12, "aria-hidden": "true" },
      h("svg:path", { d: "M5 5V2h9v9h-3M2 5h9v9H2z", fill: "none", stroke: "currentColor", "stroke-width": 1.5 }),
    ),
  );
  return h("span", { class: "id" }, h("code", {}, to ? h("a", { href: to }, text) : text), button);
}

// Browsers have no clipboard for pages that came over plain HTTP from another machine.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = h("textarea", { class: "unseen", "aria-hidden": "true", tabindex: -1 });
    field.value = text;
    const active = document.activeElement;
    (document.querySelector("dialog[open]") ?? document.body).append(field);
    field.select();
    const isCopied = document.execCommand("copy");
    field.remove();
    active?.focus();
    return isCopied;
  }
}

/** Tell something to people and to screen readers, for a moment. */
export function say(text) {
  const said = document.getElementById("said");
  fill(said, text);
  said.classList.add("shown");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => said.classList.remove("shown"), Math.min(20_000, Math.max(2_500, 60 * text.length)));
}

// What is over stands at the left, as in any bar of progress.
const IN_BAR = ["succeeded", "skipped", "failed", "upstream_failed", "cancelled", "stopping", "running", "waiting", "queued", "pending"];

/** Return a bar with a part for each state; the text names all numbers. */
export function bar(counts) {
  const known = IN_BAR.filter((name) => counts[name]);
  const text = known.map((name) => `${number(counts[name])} ${looks(name).word}`).join(", ");
  const svg = h("svg:svg", { class: "bar", role: "img", "aria-label": text, viewBox: "0 0 100 8", preserveAspectRatio: "none" });
  const total = known.reduce((sum, name) => sum + counts[name], 0);
  let left = 0;
  for (const name of known) {
    const width = (100 * counts[name]) / total;
    svg.append(h("svg:rect", { x: left, y: 0, width, height: 8, class: "fill", "data-state": name }));
    left += width;
  }
  svg.append(h("svg:title", {}, text));
  return svg;
}

/** Return what stands in place of an empty list: what it means, and the command that helps. */
export function empty(text, command) {
  return h(
    "div",
    { class: "empty" },
    h("p", {}, text),
    command ? h("p", {}, copied(command)) : null,
  );
}
