// What a form of run parameters says: what differs from the earlier run, and what is missing. Pure.
//
// A field is {parameter, text, out}: an entry of the form, the text that stands in it, and whether
// the parameter is left out, so that its default applies.

/** Return a field as it is when the form opens. */
export function fieldOf(parameter) {
  return { parameter, text: parameter.text ?? "", out: !parameter.given && !parameter.required };
}

/** Return whether a field keeps the value of the earlier run, whose bytes are copied. */
export function isKept({ parameter, text, out }) {
  return parameter.given && !out && text === (parameter.text ?? "");
}

/** Return what to submit: texts by name, and the names that are left out. */
export function changesOf(fields) {
  const params = {};
  const without = [];
  for (const field of fields) {
    if (field.out) {
      if (field.parameter.given) without.push(field.parameter.name);
    } else if (!isKept(field)) {
      params[field.parameter.name] = field.text;
    }
  }
  return { params, without };
}

/** Return what is wrong with a field before it is sent, "" for nothing. */
export function problemOf({ parameter, text, out }) {
  const isMissing = parameter.required && !parameter.given && !out && text === "";
  return isMissing ? `A run needs a value${parameter.example ? `, such as ${parameter.example}` : ""}.` : "";
}

/** Return what is said of a parameter below its field. */
export function hintOf(parameter) {
  const said = [];
  if (parameter.description) said.push(parameter.description);
  if (parameter.given && parameter.text === null) said.push("There is no text for its value: left empty, it is as in the earlier run.");
  if (!parameter.known) said.push(parameter.type ? "Its type is not known here: what JSON can read is JSON, anything else is text." : "It has no annotation: what JSON can read is JSON, anything else is text.");
  else if (parameter.example && parameter.example !== parameter.text) said.push(`Example: ${parameter.example}`);
  return said.join(" ");
}
