// The data of the file as text. Lists of objects with the same fields lie in it as tables. Pure.

/** Return the objects of a table. */
export function rowsOf({ same, fields, rows }) {
  return rows.map((row) => {
    const found = { ...same };
    for (const [at, name] of fields.entries()) found[name] = row[at];
    return found;
  });
}

/** Return the recording in a text. */
export function read(text) {
  const { tables, ...rest } = JSON.parse(text);
  const lists = Object.entries(tables).map(([name, table]) => [name, rowsOf(table)]);
  return { ...rest, ...Object.fromEntries(lists) };
}
