// The part of dynalite 4 that is used here; the package has no types of its own.

declare module 'dynalite' {
  import type { EventEmitter } from 'node:events';

  export default function dynalite(options: object): EventEmitter;
}

declare module 'dynalite/db/index.js' {
  import type { Readable } from 'node:stream';

  namespace database {
    interface Options {
      /** Folder of the LevelDB. */
      path: string;
      createTableMs?: number;
      deleteTableMs?: number;
      updateTableMs?: number;
    }
    interface Iterator {
      next(): Promise<unknown>;
      close(): Promise<void>;
    }
    type Callback = (error: Error | null, value?: unknown) => void;
    type Change = { type: 'put'; key: string; value: unknown } | { type: 'del'; key: string };
    /** The LevelDB; each table and index is a part of it, by a prefix of its keys. */
    interface Level {
      open(): Promise<void>;
      close(): Promise<void>;
      get(key: string): Promise<unknown>;
      get(key: string, callback: Callback): void;
      getSync(key: string): unknown;
      put(key: string, value: unknown, callback: Callback): void;
      del(key: string, callback: Callback): void;
      batch(changes: readonly Change[]): Promise<void>;
      batch(changes: readonly Change[], callback: Callback): void;
      keys(options: object): Iterator;
      values(options: object): Iterator;
    }
    interface Part {
      get(key: string, callback: Callback): void;
      createValueStream(options: object): Readable;
    }
    type Item = Record<string, unknown>;
    interface Table {
      TableName: string;
      GlobalSecondaryIndexes?: readonly unknown[];
    }
    interface Store {
      options: Options;
      db: Level;
      getItemDb(table: string): Part;
    }
  }
  const database: {
    create(options: database.Options): database.Store;
    createKey(item: database.Item, table: database.Table): string;
    /** Called for each write of an item, before it. */
    updateIndexes(
      store: database.Store,
      table: database.Table,
      existing: database.Item | null | undefined,
      item: database.Item | null,
      done: (error?: Error | null) => void,
    ): void;
  };
  export default database;
}
