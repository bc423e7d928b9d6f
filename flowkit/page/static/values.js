// A value of a run: its type and size, its beginning as text, and the whole of it as a file.

import { h } from "./dom.js";
import { bytes } from "./format.js";
import { shownText } from "./json_text.js";
import { copied } from "./parts.js";

/** Return a value. `file`: the address of the whole of it. `command`: what prints it. */
export function valuePart(entry, { file = null, command = null } = {}) {
  const about = [entry.type, entry.size > 0 ? bytes(entry.size) : null, entry.cut && !entry.problem ? "only its beginning" : null];
  return h(
    "div",
    { class: "value" },
    h(
      "p",
      { class: "note" },
      about.filter(Boolean).join(" · "),
      file && entry.type ? [" ", h("a", { href: file, download: "result.json" }, "Download")] : null,
    ),
    entry.problem ? h("p", { class: "problem" }, entry.problem) : h("pre", { tabindex: 0 }, shownText(entry.value)),
    entry.problem && command ? h("p", {}, copied(command)) : null,
  );
}
