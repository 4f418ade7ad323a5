// The part of dynalite 4 that is used here; the package has no types of its own.

declare module 'dynalite' {
  import type { EventEmitter } from 'node:events';

  export default function dynalite(options: object): EventEmitter;
}

declare module 'dynalite/db/index.js' {
  namespace database {
    interface Options {
      /** Folder of the LevelDB. */
      path: string;
      createTableMs: number;
      deleteTableMs: number;
      updateTableMs: number;
    }
    interface Iterator {
      close(): Promise<void>;
    }
    interface Store {
      options: Options;
      db: {
        open(): Promise<void>;
        close(): Promise<void>;
        keys(options: object): Iterator;
        values(options: object): Iterator;
      };
    }
  }
  const database: { create(options: database.Options): database.Store };
  export default database;
}
