// JSON values as people read them. Pure.

const WIDE = 100; // characters of a line

/** Return JSON values as text: what fits stands in one line. A text alone stays as it is. */
export function shownText(value) {
  return typeof value === "string" ? value : lines(value, "");
}

function lines(value, indent) {
  const flat = JSON.stringify(value);
  if (value === null || typeof value !== "object" || indent.length + flat.length <= WIDE) return flat;
  const deeper = `${indent}  `;
  const isList = Array.isArray(value);
  if (isList && value.every((item) => item === null || typeof item !== "object")) return wrapped(value, indent);
  const parts = isList
    ? value.map((item) => deeper + lines(item, deeper))
    : Object.entries(value).map(([key, item]) => `${deeper}${JSON.stringify(key)}: ${lines(item, deeper)}`);
  return `${isList ? "[" : "{"}\n${parts.join(",\n")}\n${indent}${isList ? "]" : "}"}`;
}

/** Return a list of plain values, as many in a line as fit. */
function wrapped(values, indent) {
  const rows = [[]];
  let width = 0;
  for (const text of values.map((value) => JSON.stringify(value))) {
    if (width > 0 && indent.length + width + text.length > WIDE) {
      rows.push([]);
      width = 0;
    }
    rows.at(-1).push(text);
    width += text.length + 2;
  }
  return `[\n${rows.map((row) => `${indent}  ${row.join(", ")}`).join(",\n")}\n${indent}]`;
}
