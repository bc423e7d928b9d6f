// The form that submits another run of a stored graph, with a field for each parameter.

import { act, get, part } from "./api.js";
import { againCommand } from "./commands.js";
import { fill, h } from "./dom.js";
import { changesOf, fieldOf, hintOf, problemOf } from "./form_changes.js";
import { copied, say, time } from "./parts.js";
import { go } from "./router.js";

/** Open the form that an address of the API answers with. */
export async function openForm(path, query = {}) {
  try {
    new SubmitForm(await get(path, query)).open();
  } catch (error) {
    say(error.message);
  }
}

/** A field and what belongs to it: its label, its hint, its error. */
class Row {
  constructor(parameter, at, change) {
    this.field = fieldOf(parameter);
    this.change = change;
    const id = `parameter-${at}`;
    const isLong = parameter.text?.includes("\n") ?? false;
    const { required, given } = parameter;
    this.input = h(isLong ? "textarea" : "input", {
      id,
      name: parameter.name,
      type: isLong ? null : "text",
      rows: isLong ? 4 : null,
      autocomplete: "off",
      spellcheck: "false",
      placeholder: given && parameter.text === null ? "as in the earlier run" : null,
      "aria-required": required ? "true" : null,
      "aria-describedby": `${id}-hint ${id}-error`,
      input: () => this.typed(),
    });
    this.input.value = this.field.text;
    this.out = required ? null : h("input", { type: "checkbox", id: `${id}-out`, change: () => this.ticked() });
    if (this.out) this.out.checked = this.field.out;
    this.error = h("p", { id: `${id}-error`, class: "problem" });
    this.element = h("div", { class: "parameter" }, this.label(id), this.input, this.leaveOut(id), h("p", { id: `${id}-hint`, class: "note" }, hintOf(parameter)), this.error);
  }

  label(id) {
    const { name, type, required } = this.field.parameter;
    return h("label", { for: id }, h("strong", {}, name), type ? [" ", h("code", {}, type)] : null, required ? h("span", { class: "note" }, " required") : null);
  }

  leaveOut(id) {
    if (this.out === null) return null;
    const { default: value } = this.field.parameter;
    return h("span", { class: "leave-out" }, this.out, " ", h("label", { for: `${id}-out` }, value ? ["use the default: ", h("code", {}, value)] : "leave out"));
  }

  typed() {
    this.field.text = this.input.value;
    this.field.out = false;
    if (this.out) this.out.checked = false;
    this.tell("");
    this.change();
  }

  ticked() {
    this.field.out = this.out.checked;
    this.tell("");
    this.change();
  }

  /** Show what is wrong with the field, "" for nothing. */
  tell(problem) {
    fill(this.error, problem);
    if (problem) this.input.setAttribute("aria-invalid", "true");
    else this.input.removeAttribute("aria-invalid");
  }
}

class SubmitForm {
  constructor(form) {
    this.form = form;
    this.rows = form.parameters.map((parameter, at) => new Row(parameter, at, () => this.changed()));
    this.command = h("p", {});
    this.problem = h("p", { class: "problem", role: "alert" });
    this.verb = h("button", { class: "strong" }, "Submit");
    this.dialog = h(
      "dialog",
      { class: "submit", "aria-labelledby": "submit-title", close: () => this.dialog.remove() },
      h("h2", { id: "submit-title" }, `Submit ${form.dag}`),
      h("p", { class: "note" }, "The graph and the values are those of run ", h("code", {}, form.run_id), ", submitted ", time(form.submitted), "."),
      form.problem ? h("p", { class: "note" }, form.problem) : null,
      form.told && this.rows.length === 0 ? h("p", {}, "Its tasks take no parameters.") : null,
      h(
        "form",
        { novalidate: true, submit: (event) => this.submit(event) },
        this.rows.map((row) => row.element),
        this.problem,
        this.command,
        h("p", { class: "answers" }, h("button", { type: "button", click: () => this.dialog.close() }, "Leave it"), this.verb),
      ),
    );
  }

  open() {
    document.body.append(this.dialog);
    this.changed();
    this.dialog.showModal();
    (this.rows[0]?.input ?? this.verb).focus();
  }

  changes() {
    return changesOf(this.rows.map((row) => row.field));
  }

  changed() {
    fill(this.command, "The command for it: ", copied(againCommand(this.form.run_id, this.changes())));
  }

  async submit(event) {
    event.preventDefault();
    fill(this.problem);
    for (const row of this.rows) row.tell(problemOf(row.field));
    const wrong = this.rows.find((row) => problemOf(row.field));
    if (wrong) {
      wrong.input.focus();
      return;
    }
    this.verb.disabled = true;
    try {
      const { run_id: run } = await act("/runs", { again: this.form.run_id, ...this.changes() });
      this.dialog.close();
      say(`Submitted run ${run}.`);
      go(`/runs/${part(run)}`);
    } catch (error) {
      this.refused(error);
    } finally {
      this.verb.disabled = false;
    }
  }

  /** Show an error at its field. */
  refused(error) {
    const row = this.rows.find(({ field }) => field.parameter.name === error.parameter);
    if (row === undefined) {
      fill(this.problem, error.message);
      return;
    }
    row.tell(error.message);
    row.input.focus();
  }
}
