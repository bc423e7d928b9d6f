// Failed tasks grouped by their error. Pure.

/** Return the message of an error without what differs each time: numbers, ids, quoted texts. */
export function shapeOf(message) {
  const line = message.split("\n", 1)[0].slice(0, 300);
  return line
    .replace(/'[^']*'|"[^"]*"/g, "'…'")
    .replace(/\b(?=[0-9a-f-]*\d)[0-9a-f][0-9a-f-]{7,}\b/gi, "#")
    .replace(/\d+/g, "#");
}

/** Return groups of letters with the same class and shape of their error, the largest first. */
export function grouped(letters) {
  const groups = new Map();
  for (const letter of letters) {
    const key = `${letter.error_type}: ${shapeOf(letter.error_message)}`;
    const group = groups.get(key) ?? { key, newest: letter, letters: [], runs: new Set() };
    group.letters.push(letter);
    group.runs.add(letter.run_id);
    groups.set(key, group);
  }
  return [...groups.values()].toSorted((a, b) => b.letters.length - a.letters.length || (a.key < b.key ? -1 : 1));
}

/** Return the names of the tasks by run, as an action needs them. */
export function tasksByRun(letters) {
  const runs = {};
  for (const letter of letters) (runs[letter.run_id] ??= []).push(letter.task);
  return runs;
}
