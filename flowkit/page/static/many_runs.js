// Buttons that act on all runs that match, and the dialog: what and how many, then the outcome.
//
// What is changed is what was shown: a dry run lists the runs, and the action names them. They are
// sent in parts, so that the dialog can tell how far it is; closing it leaves the rest as it is.

import { act } from "./api.js";
import { fill, h } from "./dom.js";
import { counted, number } from "./format.js";
import { copied, say } from "./parts.js";
import { ACTIONS, actionsFor, commandFor, filtersOf, inWords, outcomeInWords, planInWords } from "./run_filters.js";

const MOST = 1000;
const PART = 100;
const MOST_REFUSED = 20;
const WORD = "delete";

const refusal = (item) => h("li", {}, h("code", {}, item.run_id), " ", item.reason);

/** Return the buttons for the filters of an address. */
export function manyRunsButtons(place) {
  const filters = filtersOf((name) => place.get(name));
  const button = (name) =>
    h("button", { type: "button", "data-action": name, click: () => new Dialog(name, filters).open() }, `${ACTIONS[name].verb} …`);
  return h("div", { class: "actions", role: "group", "aria-label": "All that match" }, h("span", { class: "note" }, "All that match:"), actionsFor(place.get("state")).map(button));
}

class Dialog {
  constructor(action, filters) {
    this.action = action;
    this.filters = filters;
    this.words = ACTIONS[action];
    this.body = h("div", { "aria-live": "polite" });
    this.isOpen = true;
    this.told = "";
    this.element = h(
      "dialog",
      { class: "many", "aria-label": `${this.words.verb} all that match`, close: () => this.closed() },
      this.body,
    );
  }

  open() {
    document.body.append(this.element);
    this.element.showModal();
    this.ask();
  }

  closed() {
    this.isOpen = false;
    this.element.remove();
    if (this.told) say(this.told);
  }

  show(title, texts, buttons) {
    const answers = h("div", { class: "answers" }, buttons);
    fill(this.body, h("h2", {}, title), texts.map((text) => (text instanceof Node ? text : h("p", {}, text))), answers);
    answers.querySelector("button")?.focus();
  }

  close(text = "Leave it") {
    return h("button", { type: "button", click: () => this.element.close() }, text);
  }

  /** Carry out a step. An error is shown in its place. */
  async step(work) {
    try {
      await work();
    } catch (error) {
      if (this.isOpen) this.show("This did not work", [h("p", { class: "problem", role: "alert" }, error.message)], [this.close("Close")]);
    }
  }

  ask() {
    const title = `${this.words.verb} all that match`;
    this.show(title, ["Looking for the runs …"], [this.close()]);
    return this.step(async () => {
      const plan = await act(this.words.path, { ...this.filters, limit: MOST, dry_run: true });
      if (!this.isOpen) return;
      if (plan.items.length === 0) this.show(title, [`No ${this.words.states.join(" or ")} run matches.`, inWords(this.filters)], [this.close("Close")]);
      else this.confirm(plan);
    });
  }

  confirm(plan) {
    const runs = counted(plan.items.length, "run");
    const go = h("button", { type: "button", class: "strong", click: () => this.carryOut(plan) }, `${this.words.verb} ${runs}`);
    const texts = [
      ...planInWords(this.action, plan),
      inWords(this.filters),
      h("p", {}, "The command for it: ", copied(commandFor(this.action, this.filters))),
    ];
    if (this.action === "delete") texts.push(this.typing(go));
    this.show(`${this.words.verb} ${runs}?`, texts, [this.close(), go]);
    this.body.querySelector("input")?.focus();
  }

  /** Return a field for the word that deleting asks for; the button needs it. */
  typing(go) {
    go.disabled = true;
    const field = h("input", {
      type: "text",
      autocomplete: "off",
      input: () => (go.disabled = field.value.trim().toLowerCase() !== WORD),
      keydown: (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault(); // the button that has the focus next would take the key
        if (!go.disabled) go.click();
      },
    });
    return h("label", { class: "typing" }, `All results are lost. To confirm, type ${WORD}: `, field);
  }

  async carryOut(plan) {
    const ids = plan.items.map((item) => item.run_id);
    const outcomes = {};
    const refused = [];
    const progress = h("progress", { max: ids.length, value: 0, "aria-label": "Runs that are done" });
    const count = h("p", {}, `0 of ${number(ids.length)}`);
    this.show(`${this.words.doing} ${counted(ids.length, "run")}`, [progress, count], [this.close("Stop here")]);
    await this.step(async () => {
      for (let at = 0; at < ids.length && this.isOpen; at += PART) {
        const done = await act(this.words.path, { runs: ids.slice(at, at + PART) });
        for (const [name, runs] of Object.entries(done.outcomes)) outcomes[name] = (outcomes[name] ?? 0) + runs;
        refused.push(...done.items.filter((item) => item.outcome === "refused"));
        progress.value = at + done.items.length;
        count.textContent = `${number(progress.value)} of ${number(ids.length)}`;
        this.told = outcomeInWords(this.action, outcomes)[0];
      }
      if (this.isOpen) this.tell(plan, outcomes, refused);
    });
  }

  tell(plan, outcomes, refused) {
    const [title, ...texts] = outcomeInWords(this.action, outcomes);
    if (refused.length > 0) texts.push(h("ul", {}, refused.slice(0, MOST_REFUSED).map(refusal)));
    if (refused.length > MOST_REFUSED) texts.push(`… and ${counted(refused.length - MOST_REFUSED, "other")}.`);
    const rest = plan.more ? h("button", { type: "button", click: () => this.ask() }, "Look for the others") : null;
    this.told = "";
    this.show(title, texts, [this.close("Close"), rest]);
  }
}
