// The items of a mapped task, in parts.

import { get, part } from "./api.js";
import { fill, h } from "./dom.js";
import { span } from "./format.js";
import { row, table } from "./lists.js";
import { empty, state, time } from "./parts.js";
import { href } from "./router.js";
import { STATES } from "./states.js";
import { taskPath } from "./task_paths.js";

export const PART = 100;
const HEADS = ["Item", "State", "Label", ["Attempts", "number"], "Started", ["Took", "number"], "Error"];

/** Return the index in the name of an item: 7 of "parse[7]". */
export const indexOf = (name) => Number(/\[(\d+)\]$/.exec(name)?.[1] ?? -1);

function entry(item, run) {
  return row(
    [
      h("a", { href: href(taskPath(run, item.name)) }, item.name),
      state(item.state),
      item.label,
      [item.attempt ? String(item.attempt) : "", "number"],
      time(item.started),
      [span(item.duration), "number"],
      [(item.error ?? "").split("\n", 1)[0].slice(0, 300), "message"],
    ],
    { state: item.state, name: item.name },
  );
}

/** Show the items of a task, of the state in the address. */
export async function showItems(element, place, run, task) {
  const list = h("div", {});
  const chosen = place.get("items");
  const choose = h(
    "select",
    {
      "aria-label": "State of items",
      change: (event) => {
        place.set({ items: event.target.value });
        showItems(element, place, run, task);
      },
    },
    h("option", { value: "" }, "All items"),
    Object.keys(STATES)
      .filter((name) => STATES[name].letter)
      .map((name) => h("option", { value: name, selected: name === chosen }, STATES[name].word)),
  );
  fill(element, h("h2", {}, "Items"), h("p", { class: "filters" }, choose), list);
  let items = [];
  const read = async () => {
    const start = items.length > 0 ? indexOf(items.at(-1).name) + 1 : 0;
    const found = await get(`/runs/${part(run)}/items`, { task, state: chosen, start, limit: PART });
    items = [...items, ...found.items];
    const more = found.more ? h("button", { type: "button", click: read }, "More items") : null;
    fill(
      list,
      items.length > 0 ? table("Items", HEADS, items.map((item) => entry(item, run))) : empty("No item matches."),
      more,
    );
  };
  try {
    await read();
  } catch (error) {
    fill(list, h("p", { class: "problem" }, error.message));
  }
}
