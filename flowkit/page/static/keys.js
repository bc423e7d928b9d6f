// Keys: `/` searches, `j` and `k` move, Enter opens, `f` finds the next failure, `?` shows them.

import { h } from "./dom.js";

const KEYS = [
  ["/", "Search"],
  ["j  k", "Next and previous row"],
  ["Enter", "Open the row"],
  ["f", "Next failure"],
  ["x", "Choose the row, for an action"],
  ["g", "Runs"],
  ["?", "These keys"],
  ["Esc", "Close, or leave the search"],
];

const isTyping = (target) => target.matches?.("input, textarea, select, [contenteditable]");

/** Return the rows that can be moved to, in their order. */
const rows = () => [...document.querySelectorAll("[data-row]")];

function move(step, fits = () => true) {
  const all = rows();
  let at = all.indexOf(document.activeElement);
  at = at < 0 && step < 0 ? all.length : at;
  for (let next = at + step; next >= 0 && next < all.length; next += step) {
    if (fits(all[next])) {
      all[next].focus();
      return true;
    }
  }
  return false;
}

function help() {
  const dialog = h(
    "dialog",
    { class: "keys", "aria-label": "Keys", close: () => dialog.remove() },
    h("h2", {}, "Keys"),
    h("dl", {}, KEYS.map(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])),
    h("form", { method: "dialog" }, h("button", { autofocus: true }, "Close")),
  );
  document.body.append(dialog);
  dialog.showModal();
}

const ACTIONS = {
  "/": () => document.querySelector("[data-search]")?.focus(),
  j: () => move(1) || document.dispatchEvent(new CustomEvent("move", { detail: 1 })),
  k: () => move(-1) || document.dispatchEvent(new CustomEvent("move", { detail: -1 })),
  f: () => document.dispatchEvent(new CustomEvent("failure", { cancelable: true })) && move(1, (row) => row.dataset.state === "failed"),
  x: () => document.dispatchEvent(new CustomEvent("choose")),
  g: () => document.querySelector("#top nav a")?.click(),
  "?": help,
};

/** Begin to listen to keys, and to buttons that stand for one. */
export function listen() {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isTyping(event.target)) event.target.blur();
    if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = ACTIONS[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button[data-key]");
    if (button) ACTIONS[button.dataset.key]();
  });
}
