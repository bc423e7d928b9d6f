// The lines that a page has of a log: what events add, what falls out, what a search finds. Pure.

export const MOST = 3000; // lines in the page

/**
 * The lines of one log, the oldest first. `skipped`: how many older ones the page does not have;
 * `earlier`: there may be others before them.
 */
export class Lines {
  constructor(most = MOST) {
    this.most = most;
    this.items = [];
    this.skipped = 0;
    this.earlier = false;
    this.over = false;
  }

  /** Take an event. Returns the lines that are new, or null if all are to be shown again. */
  take(told) {
    if (told.all || told.skipped > 0) {
      this.items = told.all ? [] : this.items;
      this.skipped = (told.all ? 0 : this.skipped + this.items.length) + told.skipped;
      this.items = [...told.items];
    } else {
      this.items.push(...told.items);
    }
    this.earlier = told.earlier ?? this.earlier;
    this.over = told.over;
    const extra = Math.max(0, this.items.length - this.most);
    this.items.splice(0, extra);
    this.skipped += extra;
    return told.all || told.skipped > 0 ? null : told.items.slice(-this.most);
  }
}

/** Return whether a line has a text, in upper or lower case, in what is shown of it. */
export function fits(line, sought) {
  if (!sought) return true;
  const low = sought.toLowerCase();
  return [line.text, line.task, line.label].some((text) => text.toLowerCase().includes(low));
}

const two = (value) => String(value).padStart(2, "0");

/** Return a time of day with milliseconds, in the local zone: "14:03:07.120". */
export function clock(text) {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return "";
  const millis = String(date.getMilliseconds()).padStart(3, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${millis}`;
}

/** Return the name of what printed a line: "parse[7]", "load #2", "parse[7] (a.csv)". */
export function source(line) {
  const attempt = line.attempt > 1 ? ` #${line.attempt}` : "";
  return `${line.task}${attempt}${line.label ? ` (${line.label})` : ""}`;
}
