// Parts that the views of lists have: a table, its filters, a question before an action, the stream.

import { hasDags } from "./address_bar.js";
import { act, follow } from "./api.js";
import { fill, h } from "./dom.js";
import { counted } from "./format.js";
import { takeRows } from "./kept_rows.js";
import { notice } from "./notice.js";
import { say } from "./parts.js";
import { here, href } from "./router.js";

const head = (given) => {
  const [text, kind] = [given].flat();
  return h("th", { scope: "col", class: kind ?? null }, text);
};

const openRow = (event) => {
  if (event.key === "Enter" && event.target === event.currentTarget) (event.target.querySelector(".id a") ?? event.target.querySelector("a"))?.click();
};

/**
 * Return a table. A head is a text, or `[text, "number"]` for a column of numbers. `label`: what
 * screen readers call it.
 */
export function table(label, heads, rows) {
  const names = heads.map((given) => [given].flat()[0]);
  for (const found of rows) [...found.cells].forEach((cell, at) => (cell.dataset.label = names[at] ?? ""));
  return h(
    "table",
    { class: "list", "aria-label": label },
    h("thead", {}, h("tr", {}, heads.map(head))),
    h("tbody", {}, rows),
  );
}

/** Return a row that keys move to; Enter opens its first link. Cells are nodes, texts or `[node, class]`. */
export function row(cells, { state = null, name = null } = {}) {
  return h(
    "tr",
    { "data-row": true, "data-state": state, "data-name": name, tabindex: 0, keydown: openRow },
    cells.map((cell) => (Array.isArray(cell) ? h("td", { class: cell[1] }, cell[0]) : h("td", {}, cell))),
  );
}

/**
 * Replace what stands in an element. The rows of its table that do not change stay, with the focus
 * and what is selected in them; the focus of another row or field goes to what replaces it.
 */
export function refill(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  const at = [...element.querySelectorAll("[data-row]")].indexOf(focused?.closest("[data-row]") ?? null);
  const name = focused?.closest("[data-row]")?.dataset.name;
  const opened = new Set([...element.querySelectorAll("details[open]")].map((details) => details.dataset.name));
  replace(element, children.flat(Infinity));
  for (const details of element.querySelectorAll("details")) details.open = opened.has(details.dataset.name);
  if (focused === null || focused.isConnected) return;
  const rows = [...element.querySelectorAll("[data-row]")];
  (rows.find((found) => name && found.dataset.name === name) ?? rows[at])?.focus();
}

function replace(element, children) {
  const old = element.querySelector(":scope > table");
  const made = children.findIndex((child) => child?.tagName === "TABLE");
  if (old === null || made < 0 || !takeRows(old, children[made])) {
    fill(element, children);
    return;
  }
  const others = [...element.childNodes].filter((child) => child !== old);
  for (const child of others) child.remove();
  const around = [children.slice(0, made), children.slice(made + 1)].map((part) => [...fill(h("div", {}), part).childNodes]);
  old.before(...around[0]);
  old.after(...around[1]);
}

/** Return a form of filters. Each is `{name, label, choices}` or `{name, label, search}`. */
export function filters(place, fields) {
  const change = (name) => (event) => {
    place.set({ [name]: event.target.value.trim(), before: "" });
    place.reopen();
  };
  const field = ({ name, label, choices, search = false }) => {
    if (choices === undefined) {
      return h("input", {
        "aria-label": label, placeholder: label, title: label, type: "search", value: place.get(name),
        "data-search": search, change: change(name),
      });
    }
    const chosen = place.get(name);
    const option = ([value, text]) => h("option", { value, selected: value === chosen }, text);
    return h("select", { "aria-label": label, change: change(name) }, choices.map(option));
  };
  return h("form", { class: "filters", role: "search", submit: (event) => event.preventDefault() }, fields.map(field));
}

/** The choices of a time window. */
export const WINDOWS = [
  ["", "Any time"], ["900", "Last 15 minutes"], ["3600", "Last hour"], ["86400", "Last day"], ["604800", "Last week"],
];

/** Follow a stream; `show` gets each document. A stream that ends says why. */
export function live(place, path, query, show) {
  const hear = (document) => {
    if (document.schema !== undefined) show(document);
  };
  return follow(path, query, hear, notice(place.main));
}

/** Return the name of a DAG, as a link where there is a view of it. */
export const dagLink = (name) => (hasDags ? h("a", { href: href(`/dags/${encodeURIComponent(name)}`) }, name) : name);

/** Return what a list cannot show, null if it can show all. */
export function damagedItems(items) {
  if (!items?.length) return null;
  return h(
    "details",
    { class: "damaged", "data-name": "damaged" },
    h("summary", {}, `${counted(items.length, "entry", "entries")} cannot be read`),
    h("ul", {}, items.map((item) => h("li", {}, h("code", {}, item.name), ` ${item.damaged}`))),
  );
}

/** Return what stands in place of a list of which the filters leave nothing. */
export function noMatch(text) {
  return h("div", { class: "empty" }, h("p", {}, text, " ", h("a", { href: href(here()) }, "Remove all filters")));
}

/** Ask before an action. Resolves to true if the answer is yes. */
export function ask(title, texts, verb) {
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      {
        "aria-label": title,
        close: () => {
          dialog.remove();
          resolve(dialog.returnValue === "yes");
        },
      },
      h("h2", {}, title),
      texts.filter(Boolean).map((text) => h("p", {}, text)),
      h(
        "form",
        { method: "dialog", class: "answers" },
        h("button", { value: "no", autofocus: true }, "Leave it"),
        h("button", { value: "yes", class: "strong" }, verb),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Carry out an action on several runs, and say what came of it. */
export async function actOnMany(path, body, done) {
  try {
    const { runs, refused } = await act(path, body);
    const first = refused.length > 0 ? ` ${counted(refused.length, "run")} refused: ${refused[0].damaged}` : "";
    say(`${done} ${counted(runs.length, "run")}.${first}`);
  } catch (error) {
    say(error.message);
  }
}
