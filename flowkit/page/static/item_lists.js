// Items of mapped tasks that a table has read, in parts. All items of a task have a row at once, and are
// read when the row is in view. Of those that match a filter it is not known which they are, so they are
// read one part after the other, when the last row comes into view.

import { get, part } from "./api.js";

const PART = 200;
const MOST_PART = 1_000;
const MOST = 10_000; // of one task
const AGAIN_MS = 2_000; // between two readings of the same items
export const CUT = -1; // the row that says that there are more
export const MORE = -2; // the row with which the next part is read

const isAll = ({ state, retried }) => !state && !retried;

/** The items of the mapped tasks of a run. `changed()` is called when items have been read. */
export class ItemLists {
  constructor(run, changed, failed) {
    this.run = run;
    this.changed = changed;
    this.failed = failed;
    this.lists = new Map(); // "task.state.retried" or "task.part" → {items, more, counts, at, coming}
  }

  /** Return the rows of a task: [task, position, filter]. */
  rows(task, filter) {
    const known = isAll(filter) ? this.total(task) : this.list(this.key(task, filter)).items.length;
    const rows = Array.from({ length: Math.min(known, MOST) }, (_, at) => [task, at, filter]);
    const isCut = isAll(filter) ? known > MOST : known >= MOST && this.list(this.key(task, filter)).more;
    if (isCut) return [...rows, [task, CUT, filter]];
    return !isAll(filter) && this.list(this.key(task, filter)).more ? [...rows, [task, MORE, filter]] : rows;
  }

  total(task) {
    return Object.values(this.run.columns.items[task] ?? {}).reduce((sum, count) => sum + count, 0);
  }

  /** Return the item of a row, null while it is being read. */
  item([task, at, filter]) {
    const [key, first] = isAll(filter) ? [`${task}.${Math.floor(at / PART)}`, Math.floor(at / PART) * PART] : [this.key(task, filter), 0];
    const list = this.list(key);
    const isOld = list.counts !== this.counts(task) && Date.now() - list.at > AGAIN_MS;
    if (isOld) this.read(task, filter, key, first, Math.max(PART, list.items.length));
    return list.items[at - first] ?? null;
  }

  /** Read the part after the items that are known. */
  async more(task, filter) {
    const key = this.key(task, filter);
    const last = this.list(key).items.at(-1);
    await this.read(task, filter, key, last ? Number(/\[(\d+)\]$/.exec(last.name)[1]) + 1 : 0, PART);
  }

  key(task, { state = "", retried = false }) {
    return `${task}.${state}.${retried}`;
  }

  list(key) {
    if (!this.lists.has(key)) this.lists.set(key, { items: [], more: true, counts: null, at: 0, coming: null });
    return this.lists.get(key);
  }

  counts(task) {
    return JSON.stringify([this.run.columns.items[task], this.run.columns.retried[task]]);
  }

  read(task, filter, key, start, limit) {
    const list = this.list(key);
    list.coming ??= this.ask(task, filter, list, start, limit).finally(() => {
      list.coming = null;
      this.changed();
    });
    return list.coming;
  }

  async ask(task, { state, retried }, list, start, limit) {
    const counts = this.counts(task);
    const query = { task: this.run.columns.names[task], state, retried: retried || null, start, limit: Math.min(limit, MOST_PART) };
    try {
      const found = await get(`/runs/${part(this.run.id)}/items`, query);
      const follows = start > 0 && (state || retried);
      list.items = follows ? [...list.items, ...found.items] : found.items;
      list.more = found.more;
      if (!follows) list.counts = counts;
    } catch (error) {
      list.counts = counts;
      list.more = false;
      this.failed(error);
    }
    list.at = Date.now();
  }
}
