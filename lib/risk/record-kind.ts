// What a kind of record is: its place in the risk table, its schema, and how long it stays. Each capability declares its own
// kinds next to their schemas; typed-records.ts reads and writes them.
import type * as z from 'zod';
import { DAY_MS } from '../core/units.ts';

/** Its key is the name alone, or `<name>#<id>`. Names are unique in the table, and none is `gate`. */
export interface RecordKind<T> {
  readonly name: string;
  readonly schema: z.ZodType<T>;
  /** How long a record stays after it was last written. @default for ever */
  readonly keptMs?: number;
  /** Of a kind whose ids say nothing of time: the time by which its records can be read in order. It never changes. @default none */
  listedAtMs?(record: T): number;
}

/** Many records, each under an id that it holds itself. */
export interface KeyedKind<T> extends RecordKind<T> {
  readonly idOf: (record: T) => string;
}

/** Many records in order of their time, `<name>#<13-digit ms>` and, where several may share a time, `#<tail>`. */
export interface SeriesKind<T> extends RecordKind<T> {
  readonly timeOf: (record: T) => number;
  readonly tailOf?: (record: T) => string;
}

/** For records that tell what was, and that nothing is decided by after days. What is, the trades and the audit stay. */
export const PASSING_KEPT_MS = 90 * DAY_MS;

/** Times of keys sort as text. */
export const sortable = (atMs: number): string => String(atMs).padStart(13, '0');

export const keyOf = ({ name }: Pick<RecordKind<never>, 'name'>, id?: string): string =>
  id === undefined ? name : `${name}#${id}`;

export const seriesId = <T>({ timeOf, tailOf }: SeriesKind<T>, record: T): string =>
  sortable(timeOf(record)) + (tailOf === undefined ? '' : `#${tailOf(record)}`);
