// One run: what it is and does, what can be done with it, and its tabs.
//
// A tab is a module of `tabs/` with `open(tab)`, which returns what ends it. `tab` has `element`, where
// it is shown, `place`, the address, `acts`, whether the reader may act, and `run`: {id, header, columns,
// now(), listen(hear)}. `now()` is in milliseconds after the submission; `listen` calls after each change,
// and returns what ends that.

import { follow, part, whoAmI } from "../api.js";
import { Columns } from "../columns.js";
import { fill, h } from "../dom.js";
import { changed, isSelected } from "../focus.js";
import { now } from "../moments.js";
import { notice } from "../notice.js";
import { empty } from "../parts.js";
import { actions, facts, outcome, recordingLink } from "../run_header.js";
import { visible } from "../visible.js";

const TABS = [
  ["tasks", "Tasks"],
  ["timeline", "Timeline"],
  ["graph", "Graph"],
  ["logs", "Logs"],
  ["history", "History"],
];

/** What is known of a run. Tabs listen to it. */
class Run {
  constructor(id) {
    this.id = id;
    this.header = null;
    this.columns = null;
    this.heard = new Set();
  }

  now() {
    const { submitted, finished } = this.header.status;
    return (finished ? Date.parse(finished) : now()) - Date.parse(submitted);
  }

  listen(hear) {
    this.heard.add(hear);
    return () => this.heard.delete(hear);
  }

  take(told) {
    if (told.header) this.header = told.header;
    if (told.columns) this.columns = new Columns(told.columns);
    else this.columns?.apply(told);
    for (const hear of this.heard) hear(told);
  }
}

function tabList(place, open) {
  const chosen = place.get("tab", "tasks");
  const list = h("div", { class: "tabs", role: "tablist", "aria-label": "Parts of the run" });
  const buttons = TABS.map(([name, title]) =>
    h(
      "button",
      {
        role: "tab",
        id: `tab-${name}`,
        "aria-controls": "tab",
        "aria-selected": String(name === chosen),
        tabindex: name === chosen ? 0 : -1,
        click: () => open(name),
      },
      title,
    ),
  );
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    const at = buttons.indexOf(document.activeElement) + step;
    buttons.at(at % buttons.length).focus();
  });
  return fill(list, buttons);
}

/** Open the view. Returns what ends it. */
export async function open(place) {
  const view = new RunView(place);
  await view.start();
  return () => view.end();
}

class RunView {
  constructor(place) {
    this.place = place;
    this.run = new Run(place.names.run);
    this.head = h("section", { "aria-label": "Run" });
    this.buttons = h("div", { class: "actions" });
    this.tabs = h("div", {});
    this.element = h("section", { id: "tab", role: "tabpanel" });
    this.acts = false;
    this.offered = "";
    this.isOld = false; // the head
    this.turn = 0;
    this.endTab = () => {};
  }

  async start() {
    const { place, run } = this;
    document.title = `${run.id} · flowkit`;
    fill(place.main, this.head, this.buttons, this.tabs, this.element);
    this.who = whoAmI().then((who) => who.acts, () => false); // the stream says what is wrong
    this.stop = follow(`/live/runs/${part(run.id)}`, {}, (told) => this.hear(told), notice(place.main));
    this.clock = setInterval(() => this.tick(), 1000);
    this.acts = await this.who;
    if (run.header !== null) this.showHead(); // it came first
  }

  tick() {
    if (this.isOld) this.showHead();
    if (this.run.header && !this.run.header.status.finished) outcome(this.run);
  }

  end() {
    this.turn += 1;
    clearInterval(this.clock);
    this.stop();
    this.endTab();
  }

  hear(told) {
    const { place, run } = this;
    if (told.gone) {
      this.end();
      fill(place.main, h("h1", {}, "This run is gone"), empty(told.gone, "flowkit ls"));
    }
    if (told.gone || told.trouble) return;
    const isFirst = run.columns === null;
    run.take(told);
    if (run.columns === null) return;
    if (told.header) this.showHead();
    if (isFirst) this.openTab();
  }

  showHead() {
    const { run, place } = this;
    this.isOld = isSelected(this.head);
    if (this.isOld) return; // the clock shows it later
    document.title = visible(`${run.header.status.dag} ${run.id} · flowkit`);
    changed(this.head, () => fill(this.head, facts(run, place)));
    const fitting = [...(this.acts ? actions(run) : []), recordingLink(run)].filter(Boolean);
    const names = fitting.map((button) => button.textContent).join();
    if (names !== this.offered) changed(this.buttons, () => fill(this.buttons, fitting));
    this.offered = names;
  }

  choose(name) {
    this.place.query = new URLSearchParams(); // filters of another tab
    this.place.set({ tab: name === "tasks" ? null : name });
    this.openTab();
    document.getElementById(`tab-${name}`)?.focus();
  }

  async openTab() {
    const { element, place, run } = this;
    this.turn += 1;
    const mine = this.turn;
    this.endTab();
    this.endTab = () => {};
    const name = place.get("tab", "tasks");
    fill(this.tabs, tabList(place, (other) => this.choose(other)));
    element.setAttribute("aria-labelledby", `tab-${name}`);
    fill(element);
    if (!TABS.some(([other]) => other === name)) return;
    try {
      const [tab, acts] = await Promise.all([import(`../tabs/${name}.js`), this.who]);
      if (mine === this.turn) this.endTab = (await tab.open({ element, place, run, acts })) ?? (() => {});
    } catch (error) {
      fill(element, h("p", { class: "problem", role: "alert" }, error.message));
    }
  }
}
