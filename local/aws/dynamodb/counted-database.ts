// dynalite's LevelDB, made to fail closed: every write is counted (acknowledged-writes.ts), a failure is an error of DynamoDB's
// instead of the end of the process, and after a failed write there is no other: a log that a full disk has cut short in the
// middle of a record cannot be read beyond it.
import dynaliteDatabase from 'dynalite/db/index.js';
import { z } from 'zod';
import { type AcknowledgedWrites, openAcknowledgedWrites } from './acknowledged-writes.ts';

type Callback = dynaliteDatabase.Callback;
type Change = dynaliteDatabase.Change;

const COUNT_KEY = '!writes';
const COUNT_FILE = 'acknowledged';

export interface CountedDatabase {
  readonly store: dynaliteDatabase.Store;
  /** What has been lost; undefined when nothing has. */
  readonly loss: string | undefined;
  close(): Promise<void>;
}

/** Rejects when the database cannot be opened. @param dir exists, its files undamaged */
export async function openCountedDatabase(dir: string): Promise<CountedDatabase> {
  const store = dynaliteDatabase.create({
    path: dir,
    createTableMs: 0,
    deleteTableMs: 0,
    updateTableMs: 0,
  });
  const { db } = store;
  await db.open();
  try {
    const count = z
      .int()
      .min(0)
      .default(0)
      .parse(await db.get(COUNT_KEY));
    const acknowledged = await openAcknowledgedWrites(`${dir}/${COUNT_FILE}`);
    failAsDynamoDb(db, new CountedWrites(db, acknowledged, count));
    return {
      store,
      loss: lossOf(count, acknowledged.count),
      close: async () => {
        await db.close();
        await acknowledged.close();
      },
    };
  } catch (error) {
    await db.close();
    throw error;
  }
}

/** A write may have reached the database alone when the process died. */
function lossOf(count: number, acknowledged: number | undefined): string | undefined {
  if (acknowledged === undefined) return `${COUNT_FILE}: it is not readable`;
  if (count === acknowledged || count === acknowledged + 1) return undefined;
  return count < acknowledged
    ? `${acknowledged - count} acknowledged writes are missing`
    : `${COUNT_FILE}: it knows of ${acknowledged} writes, the database of ${count}`;
}

/** Writes in the order in which they came, those that wait for their turn together. */
class CountedWrites {
  readonly #batch: (changes: readonly Change[]) => Promise<void>;
  readonly #acknowledged: AcknowledgedWrites;
  #count: number;
  #waiting: { readonly changes: readonly Change[]; readonly done: Callback }[] = [];
  #isWriting = false;
  #failure: Error | null = null;

  constructor(db: dynaliteDatabase.Level, acknowledged: AcknowledgedWrites, count: number) {
    this.#batch = db.batch.bind(db);
    this.#acknowledged = acknowledged;
    this.#count = count;
  }

  write(changes: readonly Change[], done: Callback): void {
    this.#waiting.push({ changes, done });
    if (!this.#isWriting) void this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0);
      await this.#commit(group.flatMap(({ changes }) => changes));
      for (const { done } of group) setImmediate(done, this.#failure);
    }
    this.#isWriting = false;
  }

  async #commit(changes: readonly Change[]): Promise<void> {
    if (this.#failure !== null) return;
    const count = this.#count + 1;
    try {
      await this.#batch([...changes, { type: 'put', key: COUNT_KEY, value: count }]);
      await this.#acknowledged.note(count);
      this.#count = count;
    } catch (error) {
      const why = reasonOf(error);
      this.#failure = internalError(
        `the database takes no write any more (${why}): free disk space, start again`,
      );
    }
  }
}

/** dynalite throws out of the process whatever has no status. */
const internalError = (message: string): Error =>
  Object.assign(new Error(message), {
    statusCode: 500,
    body: { __type: 'com.amazonaws.dynamodb.v20120810#InternalServerError', message },
  });

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message.split('\n')[0]! : String(cause);
}

function failAsDynamoDb(db: dynaliteDatabase.Level, writes: CountedWrites): void {
  Object.assign(db, {
    put: (key: string, value: unknown, done: Callback) => writes.write([{ type: 'put', key, value }], done),
    del: (key: string, done: Callback) => writes.write([{ type: 'del', key }], done),
    batch: (changes: readonly Change[], done: Callback) => writes.write(changes, done),
    // At once: by way of another thread it takes many times as long as the read itself.
    get: (key: string, done: Callback) => {
      let read: readonly [Error | null, unknown];
      try {
        read = [null, db.getSync(key)];
      } catch (error) {
        read = [internalError(reasonOf(error)), undefined];
      }
      setImmediate(done, ...read);
    },
    keys: endingIterators(db.keys.bind(db)),
    values: endingIterators(db.values.bind(db)),
  });
}

/**
 * dynalite ends what a query has read from by `return()`, which LevelDB's iterators do not have: each query of a long run would
 * keep one open, with its snapshot and all the table files behind it.
 */
const endingIterators =
  (open: (options: object) => dynaliteDatabase.Iterator) =>
  (options: object): dynaliteDatabase.Iterator => {
    const iterator = open(options);
    const next = iterator.next.bind(iterator);
    return Object.assign(iterator, {
      return: () => iterator.close(),
      next: () =>
        next().catch((error: unknown) => {
          throw internalError(reasonOf(error));
        }),
    });
  };
