// What a timeline shows and the columns of a run do not have: items of mapped tasks, earlier attempts.
// Both are read in parts, up to a bound, and again when they have changed.

import { get, part } from "./api.js";
import { barOfItem, barsOf, barsOfAttempts, withEarlier } from "./timeline.js";

const PART = 1_000;
const MOST_ITEMS = 5_000;
const MOST_ATTEMPTS = 20_000;
const LEAST_MS = 3_000; // between two readings of the items
const ITEM_MS = 5; // and so long for each of them

export class TimelineData {
  constructor(run) {
    this.run = run;
    this.items = []; // [task, item]
    this.earlier = [];
    this.cursor = "";
    this.ended = false;
    this.notes = [];
  }

  /** Return all bars. */
  bars() {
    const { columns, header } = this.run;
    const now = this.run.now();
    const begun = Date.parse(header.status.submitted);
    const items = this.items.map(([task, item]) => barOfItem(item, task, begun, now)).filter((bar) => bar !== null);
    return withEarlier([...barsOf(columns, now), ...items], this.earlier);
  }

  /** Read what has changed. Returns whether there may be more to read soon. */
  async refresh() {
    const { columns } = this.run;
    const attempts = `${columns.attempts.reduce((sum, count) => sum + count, 0)} ${columns.states} ${JSON.stringify(columns.retried)} ${JSON.stringify(columns.items)}`;
    if (attempts !== this.attemptsRead) {
      await this.readAttempts();
      this.attemptsRead = attempts; // not before: a reading that failed is repeated
    }
    const items = JSON.stringify(columns.items);
    if (items === this.itemsRead) return false;
    if (this.read && Date.now() - this.read < Math.max(LEAST_MS, this.items.length * ITEM_MS)) return true;
    await this.readItems();
    this.itemsRead = items;
    return false;
  }

  async readAttempts() {
    while (!this.ended && this.earlier.length < MOST_ATTEMPTS) {
      const found = await get(`/runs/${part(this.run.id)}/attempts`, { cursor: this.cursor, limit: PART });
      this.cursor = found.cursor;
      this.earlier.push(...barsOfAttempts(found));
      if (!found.more) return;
    }
  }

  async readItems() {
    const { columns, id } = this.run;
    const found = [];
    let isCut = false;
    for (const task of Object.keys(columns.items)) {
      for (let start = 0; ; start += PART) {
        isCut ||= found.length >= MOST_ITEMS;
        if (isCut || this.ended) break;
        const answer = await get(`/runs/${part(id)}/items`, { task: columns.names[task], start, limit: PART });
        found.push(...answer.items.map((item) => [Number(task), item]));
        if (!answer.more) break;
      }
    }
    this.items = found;
    this.isCut = isCut;
    this.read = Date.now();
  }
}
