// The page of an exported run: what stands above its views.

import { fill, h } from "../dom.js";
import { begin } from "../frame.js";
import { counted } from "../format.js";
import { href } from "../router.js";
import { recording } from "./data.js";

function about() {
  const { left_out: left, flowkit: version, recorded } = recording;
  const date = new Date(recorded);
  return h(
    "div",
    { class: "recorded" },
    h(
      "p",
      {},
      "Recorded ",
      h("time", { datetime: recorded, title: date.toISOString() }, date.toLocaleString()),
      ` with flowkit ${version}. It does not change.`,
    ),
    left.length > 0
      ? h(
          "details",
          {},
          h("summary", {}, `${counted(left.length, "part")} not complete`),
          h("ul", {}, left.map((text) => h("li", {}, text))),
        )
      : null,
  );
}

function header() {
  const top = document.getElementById("top");
  if (top.childElementCount > 0) return;
  fill(
    top,
    h("a", { class: "brand", href: href(`/runs/${encodeURIComponent(recording.run_id)}`) }, "flowkit"),
    about(),
    h("button", { class: "quiet", title: "Keys (?)", "aria-label": "Show the keys", "data-key": "?" }, "?"),
  );
}

// A fragment is the address of a view here, so the link to the content moves the focus itself.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("main").focus();
});
begin(header);
