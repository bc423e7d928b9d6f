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
  const parts = isList
    ? value.map((item) => deeper + lines(item, deeper))
    : Object.entries(value).map(([key, item]) => `${deeper}${JSON.stringify(key)}: ${lines(item, deeper)}`);
  return `${isList ? "[" : "{"}\n${parts.join(",\n")}\n${indent}${isList ? "]" : "}"}`;
}
