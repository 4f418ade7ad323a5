// What DynamoDB promises no more than in the end: indexes, and reads that do not ask for consistency, lag behind the table when
// the fault plan says so. dynalite's are as new as the table. Deleted items come back in no such read but a GetItem of one.
import { pipeline, Transform } from 'node:stream';
import dynaliteDatabase from 'dynalite/db/index.js';
import type { FaultPlan } from '../host/fault-plan.ts';

type Item = dynaliteDatabase.Item;
type Table = dynaliteDatabase.Table;

interface Write {
  readonly table: Table;
  readonly before: Item | null | undefined;
  readonly after: Item | null;
}
interface HiddenWrite extends Write {
  readonly hiddenMs: number;
}

const originalUpdate = dynaliteDatabase.updateIndexes;
const laggingTables = new WeakMap<dynaliteDatabase.Store, LaggingTables>();
// Every write of an item passes here, with the item before and after.
dynaliteDatabase.updateIndexes = (store, table, before, after, done) => {
  const tables = laggingTables.get(store);
  if (tables === undefined) return originalUpdate(store, table, before, after, done);
  tables.write({ table, before, after }).then(() => done(), done);
};

/** The tables of one store. Indexes that are behind when the process dies stay so: an injected lag is for tests. */
export class LaggingTables {
  /** The store as a read sees it that does not ask for consistency. */
  readonly eventual: dynaliteDatabase.Store;
  readonly #store: dynaliteDatabase.Store;
  readonly #faults: FaultPlan;
  /** By table and key, oldest first. */
  readonly #hidden: Readonly<Record<'index' | 'read', Map<string, HiddenWrite[]>>> = {
    index: new Map(),
    read: new Map(),
  };

  constructor(store: dynaliteDatabase.Store, faults: FaultPlan) {
    this.#store = store;
    this.#faults = faults;
    this.eventual = Object.assign(Object.create(store) as dynaliteDatabase.Store, {
      getItemDb: (table: string) => this.#eventualItems(table),
    });
    laggingTables.set(store, this);
  }

  async write(write: Write): Promise<void> {
    const item = write.before ?? write.after;
    if (item === null) return;
    const id = idOf(write.table, item);
    this.#hide('read', id, write);
    if (write.table.GlobalSecondaryIndexes !== undefined && this.#hide('index', id, write)) return;
    // What is hidden of this item is older: it must not come after.
    await this.#showInIndexes(id);
    await this.#updateIndexes(write);
  }

  /** Brings the indexes to where they are by now. @param isForced to the newest state */
  async settleIndexes(isForced = false): Promise<void> {
    for (const [id, writes] of this.#hidden.index)
      if (isForced || writes.every(({ hiddenMs }) => this.#faults.isOver('index', hiddenMs)))
        await this.#showInIndexes(id);
  }

  #hide(view: 'index' | 'read', id: string, write: Write): boolean {
    const hiddenMs = this.#faults.hide(view);
    if (hiddenMs === undefined) return false;
    this.#hidden[view].set(id, [...(this.#hidden[view].get(id) ?? []), { ...write, hiddenMs }]);
    return true;
  }

  async #showInIndexes(id: string): Promise<void> {
    const writes = this.#hidden.index.get(id) ?? [];
    this.#hidden.index.delete(id);
    for (const write of writes) await this.#updateIndexes(write);
  }

  #updateIndexes({ table, before, after }: Write): Promise<void> {
    return new Promise((resolve, reject) => {
      originalUpdate(this.#store, table, before, after, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** The write that a lagging read does not see yet, and with it all after it. */
  #unseen(id: string): HiddenWrite | undefined {
    const left = (this.#hidden.read.get(id) ?? []).filter(
      ({ hiddenMs }) => !this.#faults.isOver('read', hiddenMs),
    );
    if (left.length === 0) this.#hidden.read.delete(id);
    else this.#hidden.read.set(id, left);
    return left[0];
  }

  #eventualItems(name: string): dynaliteDatabase.Part {
    const items = this.#store.getItemDb(name);
    const table = [...this.#hidden.read.values()]
      .flat()
      .find((write) => write.table.TableName === name)?.table;
    if (table === undefined) return items;
    const seenOf = (item: Item): Item | null | undefined => {
      const unseen = this.#unseen(idOf(table, item));
      return unseen === undefined ? item : unseen.before;
    };
    const asSeen = () =>
      new Transform({
        objectMode: true,
        transform: (item: Item, _, done) => done(null, seenOf(item) ?? undefined),
      });
    return Object.assign(Object.create(items) as dynaliteDatabase.Part, {
      get: (key: string, done: dynaliteDatabase.Callback) => {
        const unseen = this.#unseen(`${name} ${key}`);
        if (unseen === undefined) items.get(key, done);
        else setImmediate(done, null, unseen.before ?? undefined);
      },
      createValueStream: (options: object) =>
        // A stream that is read no further ends the one that it reads from; an error arrives by it.
        pipeline(items.createValueStream(options), asSeen(), () => {}),
    });
  }
}

const idOf = (table: Table, item: Item): string =>
  `${table.TableName} ${dynaliteDatabase.createKey(item, table)}`;
