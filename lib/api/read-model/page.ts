// One page of records, newest first, and the cursor of the next.
import { z } from 'zod';
import type { Scope } from '../../risk/gate.ts';
import type { RiskStore } from '../../risk/ports.ts';
import { sortable } from '../../risk/records.ts';
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

export interface RecordKind<T> {
  readonly prefix: string;
  readonly schema: z.ZodType<T>;
}

/** A page of records whose keys begin with their time. Throws StoreError. */
export async function readSpan<T>(
  risk: RiskStore,
  { prefix, schema }: RecordKind<T>,
  { scope, count, before, fromMs = 0, toMs }: SpanRequest,
): Promise<Page<T>> {
  const ends = [...(before === undefined ? [] : [before]), ...(toMs === undefined ? [] : [sortable(toMs)])];
  const end = ends.sort()[0];
  const records = await risk.list(
    {
      scope,
      prefix,
      fromKey: prefix + sortable(fromMs),
      ...(end !== undefined && { beforeKey: prefix + end }),
      newestFirst: true,
      count: count + 1,
    },
    schema,
  );
  return cutPage(
    records.map(({ key, value }) => ({ sortKey: key.slice(prefix.length), value })),
    count,
  );
}

/** A page of records whose keys say nothing of their time: all of them are read. Throws StoreError. */
export async function readSorted<T>(
  risk: RiskStore,
  { prefix, schema, timeOf }: RecordKind<T> & { readonly timeOf: (record: T) => number },
  { scope, count, before }: PageRequest,
): Promise<Page<T>> {
  const records = await risk.list({ scope, prefix }, schema);
  const newestFirst = records
    .map(({ key, value }) => ({
      sortKey: `${sortable(timeOf(value))}#${key.slice(prefix.length)}`,
      value,
    }))
    .filter(({ sortKey }) => before === undefined || sortKey < before)
    .sort((a, b) => (a.sortKey < b.sortKey ? 1 : -1));
  return cutPage(newestFirst.slice(0, count + 1), count);
}

/** @param found one more than the page holds, if there are more */
function cutPage<T>(
  found: readonly { readonly sortKey: string; readonly value: T }[],
  count: number,
): Page<T> {
  const shown = found.slice(0, count);
  return {
    items: shown.map(({ value }) => value),
    next: found.length > count ? encodeCursor(shown[count - 1]!.sortKey) : null,
  };
}
