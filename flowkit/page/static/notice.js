// What is wrong with the live data of a view, shown above it until it is well again.

import { fill, h } from "./dom.js";

/** Return a function that shows a problem, {text, login}, and takes it away for null. */
export function notice(main) {
  const banner = h("p", { class: "notice", role: "alert" });
  let shown = "";
  return (problem) => {
    if (!problem) {
      banner.remove();
      shown = "";
      return;
    }
    if (problem.text !== shown) {
      const again = h("button", { type: "button", click: () => location.reload() }, "Log in");
      fill(banner, problem.text, problem.login ? [" ", again] : null);
    }
    shown = problem.text;
    if (!banner.isConnected) main.prepend(banner);
  };
}
