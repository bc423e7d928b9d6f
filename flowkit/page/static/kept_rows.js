// Changing the rows of a table without touching what stays: a selection in it, the focus, the pointer.

/**
 * Give an old table the rows of a new one. Rows that both have, by `data-name`, stay, and so does
 * each cell of them that is equal. Returns false if the tables have different columns.
 */
export function takeRows(old, made) {
  if (old.getAttribute("aria-label") !== made.getAttribute("aria-label") || !old.tHead?.isEqualNode(made.tHead)) return false;
  const [body] = old.tBodies;
  const known = new Map([...body.rows].map((row) => [row.dataset.name, row]));
  const rows = [...made.tBodies[0].rows].map((row) => kept(known, row));
  const staying = new Set(rows);
  const gone = [...body.rows].filter((row) => !staying.has(row));
  for (const row of gone) row.remove();
  let at = body.firstElementChild;
  for (const row of rows) {
    if (row === at) at = at.nextElementSibling;
    else body.insertBefore(row, at);
  }
  return true;
}

function kept(known, row) {
  const { name } = row.dataset;
  const old = known.get(name);
  if (!name || old === undefined || old.cells.length !== row.cells.length) return row;
  known.delete(name); // two rows may have one name
  for (const attribute of row.attributes) {
    if (attribute.name !== "tabindex") old.setAttribute(attribute.name, attribute.value);
  }
  for (const [number, cell] of [...row.cells].entries()) {
    if (!stays(old.cells[number], cell)) old.replaceChild(cell, old.cells[number]);
  }
  return old;
}

/** Return whether an old cell says the same. Its buttons act on what they were made for. */
function stays(old, cell) {
  return cell.querySelector("button:not(.copy), input, select") === null && old.isEqualNode(cell);
}
