// Reads and writes the records of one kind. Keys are made here and nowhere else. What could not be read back is not written, and
// what cannot be read keeps nothing else of its kind from being read. Everything here throws StoreError.
import * as z from 'zod';
import { InvariantError, invariant } from '../../core/invariant.ts';
import { StoreError } from '../../core/store-error.ts';
import type { Scope } from '../gate.ts';
import type { RecordCondition, RecordProblem, RecordQuery, RecordStore, Versioned } from '../ports.ts';
import {
  type KeyedKind,
  keyOf,
  type RecordKind,
  type SeriesKind,
  seriesId,
  sortable,
} from '../record-kind.ts';

const ANYTHING = z.unknown();

/** Records of one kind: those that could be read, in order of their ids, and what is wrong with each of the others. */
export interface KindList<T> {
  readonly records: readonly (Versioned<T> & { readonly id: string })[];
  readonly problems: readonly (RecordProblem & { readonly id: string })[];
}

/** The records of a list. Throws StoreError when one of them could not be read. */
export function allRecords<T>({ records, problems }: KindList<T>): KindList<T>['records'] {
  const [problem] = problems;
  if (problem !== undefined) throw new StoreError(problem.message, { retryable: false });
  return records;
}

/** What the records of a list say. Throws StoreError when one of them could not be read. */
export const allValues = <T>(list: KindList<T>): T[] => allRecords(list).map(({ value }) => value);

interface IdRange extends Pick<RecordQuery, 'newestFirst' | 'listed' | 'count'> {
  readonly idStart?: string;
  readonly fromId?: string | undefined;
  readonly beforeId?: string | undefined;
}

interface NewestBefore {
  readonly count: number;
  readonly fromMs?: number;
  /** undefined: the newest of all. */
  readonly beforeId: string | undefined;
}

const newestFirst = (count: number, fromMs: number | undefined): IdRange => ({
  newestFirst: true,
  count,
  fromId: fromMs === undefined ? undefined : sortable(fromMs),
});

class RecordsOfKind<T, Kind extends RecordKind<T>> {
  readonly #store: RecordStore;
  protected readonly kind: Kind;

  constructor(store: RecordStore, kind: Kind) {
    this.#store = store;
    this.kind = kind;
  }

  protected read<S>(
    scope: Scope,
    id: string | undefined,
    schema: z.ZodType<S>,
  ): Promise<Versioned<S> | undefined> {
    return this.#store.get(scope, keyOf(this.kind, id), schema);
  }

  /** Throws InvariantError for a record that its schema would not let be read again. */
  protected async write(
    scope: Scope,
    id: string | undefined,
    value: T,
    condition: RecordCondition,
  ): Promise<'written' | 'conflict'> {
    const { name, schema, keptMs, listedAtMs } = this.kind;
    const key = keyOf(this.kind, id);
    const issue = schema.safeParse(value).error?.issues[0];
    if (issue !== undefined) {
      const field = issue.path.join('.');
      throw new InvariantError(
        `${name} record ${scope}/${key} cannot be written: ${field}: ${issue.message}`,
      );
    }
    return this.#store.put(scope, key, value, {
      ...condition,
      ...(keptMs !== undefined && { keptMs }),
      ...(listedAtMs !== undefined && { listedAs: keyOf(this.kind, `${sortable(listedAtMs(value))}#${id}`) }),
    });
  }

  protected async list(
    scope: Scope,
    { idStart = '', fromId, beforeId, ...range }: IdRange,
  ): Promise<KindList<T>> {
    const { records, problems } = await this.#store.list(
      {
        ...{ scope, prefix: keyOf(this.kind, idStart), ...range },
        ...(fromId !== undefined && { fromKey: keyOf(this.kind, fromId) }),
        ...(beforeId !== undefined && { beforeKey: keyOf(this.kind, beforeId) }),
      },
      this.kind.schema,
    );
    const idOf = (key: string) => key.slice(keyOf(this.kind, '').length);
    return {
      records: records.map(({ key, value, revision }) => ({ id: idOf(key), value, revision })),
      problems: problems.map((problem) => ({ id: idOf(problem.key), ...problem })),
    };
  }

  /**
   * Newest first, from this time on and before this id; at most `count`. Ids begin with the time: those of a kind that is listed by
   * it are `<13-digit ms>#<id>` here. What was written in the last moment may lack.
   */
  newestBefore(scope: Scope, { count, fromMs, beforeId }: NewestBefore): Promise<KindList<T>> {
    invariant(this.kind.listedAtMs !== undefined, `${this.kind.name} records are not listed by time`);
    return this.list(scope, { ...newestFirst(count, fromMs), listed: true, beforeId });
  }

  protected delete(scope: Scope, id: string, ifRevision: number): Promise<'removed' | 'conflict'> {
    return this.#store.remove(scope, keyOf(this.kind, id), { ifRevision });
  }
}

/** A kind of which a scope has one record. */
export class SingleRecord<T> extends RecordsOfKind<T, RecordKind<T>> {
  get(scope: Scope): Promise<Versioned<T> | undefined> {
    return this.read(scope, undefined, this.kind.schema);
  }

  /** As it is stored: for whoever has read it before, and judges it by its revision. */
  getStored(scope: Scope): Promise<Versioned<unknown> | undefined> {
    return this.read(scope, undefined, ANYTHING);
  }

  /** One that breaks its schema has no value: for whoever has to tell it from a missing one, or writes it anew. */
  async find(scope: Scope): Promise<Versioned<T | undefined> | undefined> {
    const stored = await this.getStored(scope);
    return stored && { revision: stored.revision, value: this.kind.schema.safeParse(stored.value).data };
  }

  put(scope: Scope, value: T, condition: RecordCondition): Promise<'written' | 'conflict'> {
    return this.write(scope, undefined, value, condition);
  }
}

/** A kind of which a scope has many records, under ids that they do not hold themselves. */
export class NamedRecords<T> extends RecordsOfKind<T, RecordKind<T>> {
  get(scope: Scope, id: string): Promise<Versioned<T> | undefined> {
    return this.read(scope, id, this.kind.schema);
  }

  /** `conflict` when there is one under this id: what is written stays. */
  add(scope: Scope, id: string, value: T): Promise<'written' | 'conflict'> {
    return this.write(scope, id, value, { ifAbsent: true });
  }

  /** Those whose id starts with the text, in order of their ids. @param idStart @default all */
  all(scope: Scope, idStart = ''): Promise<KindList<T>> {
    return this.list(scope, { idStart });
  }

  /** Whether there is any whose id starts with the text, readable or not. */
  async has(scope: Scope, idStart: string): Promise<boolean> {
    const { records, problems } = await this.list(scope, { idStart, count: 1 });
    return records.length + problems.length > 0;
  }
}

/** A kind of which a scope has many records, in order of their ids. */
export class KeyedRecords<T> extends RecordsOfKind<T, KeyedKind<T>> {
  get(scope: Scope, id: string): Promise<Versioned<T> | undefined> {
    return this.read(scope, id, this.kind.schema);
  }

  put(scope: Scope, value: T, condition: RecordCondition): Promise<'written' | 'conflict'> {
    return this.write(scope, this.kind.idOf(value), value, condition);
  }

  remove(scope: Scope, { value, revision }: Versioned<T>): Promise<'removed' | 'conflict'> {
    return this.delete(scope, this.kind.idOf(value), revision);
  }

  /** Removes a record that cannot be read, as long as nobody has written it since. */
  async discard(
    scope: Scope,
    { id, revision }: KindList<T>['problems'][number],
  ): Promise<'removed' | 'conflict'> {
    return revision === undefined ? 'conflict' : this.delete(scope, id, revision);
  }

  all(scope: Scope): Promise<KindList<T>> {
    return this.list(scope, {});
  }
}

/** A kind of which a scope has many records, in order of time; each is written once. */
export class RecordSeries<T> extends RecordsOfKind<T, SeriesKind<T>> {
  /** `conflict` when there is one of this time and tail: what is written stays. */
  add(scope: Scope, value: T): Promise<'written' | 'conflict'> {
    return this.write(scope, seriesId(this.kind, value), value, { ifAbsent: true });
  }

  remove(scope: Scope, { value, revision }: Versioned<T>): Promise<'removed' | 'conflict'> {
    return this.delete(scope, seriesId(this.kind, value), revision);
  }

  all(scope: Scope): Promise<KindList<T>> {
    return this.list(scope, {});
  }

  /** Of this time and later, the oldest first. */
  since(scope: Scope, fromMs: number): Promise<KindList<T>> {
    return this.list(scope, { fromId: sortable(fromMs) });
  }

  /** The newest, newest first; at most `count`. */
  newest(scope: Scope, count: number): Promise<KindList<T>> {
    return this.list(scope, { newestFirst: true, count });
  }

  /** Strongly consistent: its keys are in order of time. */
  override newestBefore(scope: Scope, { count, fromMs, beforeId }: NewestBefore): Promise<KindList<T>> {
    return this.list(scope, { ...newestFirst(count, fromMs), beforeId });
  }

  /** The newest one, if it is of this time or later. Throws StoreError when it cannot be read. @param fromMs @default any time */
  async latest(scope: Scope, fromMs?: number): Promise<T | undefined> {
    return allValues(await this.list(scope, newestFirst(1, fromMs)))[0];
  }
}
