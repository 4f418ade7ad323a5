// What the exchange knew, and since when: every entry keeps its versions, so that an answer can be that of some seconds ago.

interface Version<T> {
  readonly atMs: number;
  readonly value: T;
}

/** A time to look from; undefined is now, whatever the clock says. */
export type AsOf = number | undefined;

export class History<Key, T> {
  readonly #versions = new Map<Key, Version<T>[]>();

  keep(key: Key, atMs: number, value: T): T {
    const versions = this.#versions.get(key);
    if (versions === undefined) this.#versions.set(key, [{ atMs, value }]);
    else versions.push({ atMs, value });
    return value;
  }

  get(key: Key, asOf?: AsOf): T | undefined {
    const versions = this.#versions.get(key);
    return asOf === undefined
      ? versions?.at(-1)?.value
      : versions?.findLast(({ atMs }) => atMs <= asOf)?.value;
  }

  /** In the order in which they first appeared; what was not there yet is left out. */
  values(asOf?: AsOf): T[] {
    const values: T[] = [];
    for (const key of this.#versions.keys()) {
      const value = this.get(key, asOf);
      if (value !== undefined) values.push(value);
    }
    return values;
  }
}
