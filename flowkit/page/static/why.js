// Why a run or a task is not over, or how it ended: the cause, since when, what changes it, what helps.

import { get, part } from "./api.js";
import { fill, h } from "./dom.js";
import { counted } from "./format.js";
import { copied, time } from "./parts.js";

function cause(entry) {
  return [
    entry.since ? [h("dt", {}, "Since"), h("dd", {}, time(entry.since))] : null,
    entry.next ? [h("dt", {}, "Next"), h("dd", {}, entry.next)] : null,
    entry.until ? [h("dt", {}, "Until"), h("dd", {}, new Date(entry.until).toLocaleString())] : null,
    entry.count > 1 ? [h("dt", {}, "Holds up"), h("dd", {}, counted(entry.count, "task"))] : null,
  ];
}

/** Return the explanation of a document of `/why`. */
export function explanation(why) {
  const [first, ...others] = why.causes;
  return h(
    "section",
    { class: "cause", "aria-label": "Why" },
    h("p", {}, h("strong", {}, why.sentence)),
    first ? h("dl", { class: "about" }, cause(first)) : null,
    why.command ? h("p", {}, "What helps: ", copied(why.command)) : null,
    others.length > 0
      ? h(
          "details",
          {},
          h("summary", {}, counted(others.length, "other cause")),
          h("ul", {}, others.map((other) => h("li", {}, `${counted(other.count, "task")}: ${other.sentence}`))),
        )
      : null,
  );
}

/** Show why a run, or one of its tasks, is as it is. */
export async function showWhy(element, runId, task = null) {
  fill(element, explanation(await get(`/runs/${part(runId)}/why`, { task })));
}
