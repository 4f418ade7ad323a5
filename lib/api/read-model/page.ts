// One page of records, newest first, and the cursor of the next.
import * as z from 'zod';
import type { Scope } from '../../risk/gate.ts';
import { sortable } from '../../risk/record-kind.ts';
import { allRecords, type RecordSeries } from '../../risk/use-cases/typed-records.ts';
import { encodeCursor } from '../read-queries.ts';

export const nextSchema = z.string().nullable().describe('Cursor of the next page; null on the last page.');

export interface Page<T> {
  readonly items: readonly T[];
  /** null on the last page. */
  readonly next: string | null;
}

export interface PageRequest {
  readonly scope: Scope;
  readonly count: number;
  /** Sort key of the last item of the page before. */
  readonly before?: string | undefined;
}

export interface SpanRequest extends PageRequest {
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}

/** Records read at a time where most may not be wanted. */
const SIEVED_AT_ONCE = 1_000;

/** A page of records in order of time. @param keep which are wanted. @default all. Throws StoreError. */
export async function readSpan<T>(
  series: Pick<RecordSeries<T>, 'newestBefore'>,
  { scope, count, before, fromMs = 0, toMs }: SpanRequest,
  keep?: (record: T) => boolean,
): Promise<Page<T>> {
  const ends = [...(before === undefined ? [] : [before]), ...(toMs === undefined ? [] : [sortable(toMs)])];
  let beforeId = ends.sort()[0];
  const atOnce = keep === undefined ? count + 1 : SIEVED_AT_ONCE;
  const found: Keyed<T>[] = [];
  while (found.length <= count) {
    const records = allRecords(await series.newestBefore(scope, { count: atOnce, fromMs, beforeId }));
    for (const { id, value } of records) if (keep?.(value) ?? true) found.push({ sortKey: id, value });
    if (records.length < atOnce) break;
    beforeId = records.at(-1)!.id;
  }
  return cutPage(found, count);
}

interface Keyed<T> {
  readonly sortKey: string;
  readonly value: T;
}

/** @param found more than the page holds, if there are more */
function cutPage<T>(found: readonly Keyed<T>[], count: number): Page<T> {
  const shown = found.slice(0, count);
  return {
    items: shown.map(({ value }) => value),
    next: found.length > count ? encodeCursor(shown[count - 1]!.sortKey) : null,
  };
}
