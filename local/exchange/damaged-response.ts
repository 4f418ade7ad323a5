// How each fault that still answers damages the response. Apart from the server, so that what is wrong with an answer can be read
// in one place.
import { BAR_MS } from '../../lib/market/candle.ts';
import type { Fault, MALFORMATIONS } from './faults.ts';
import { oddAnswer } from './odd-row.ts';

const PAGE = `<!DOCTYPE html>\n<html><head><title>Service notice</title></head><body><h1>We will be back soon</h1>${'<p>Scheduled maintenance.</p>'.repeat(50)}</body></html>`;

/** Text to send instead of the true answer. */
export function damage(
  fault: Fault,
  answer: unknown,
  context: {
    /** The exchange's time. */
    readonly nowMs: number;
    readonly path: string;
    /** In [0, 1): which of several oddities. */
    readonly pick: number;
  },
): string {
  const { nowMs, path, pick } = context;
  switch (fault.kind) {
    case 'html':
    case 'refused':
      return PAGE;
    case 'empty':
      return '[]';
    case 'nulls':
      return JSON.stringify(Array.isArray(answer) ? answer.map(() => new Array(12).fill(null)) : null);
    case 'truncated': {
      const text = JSON.stringify(answer);
      return text.slice(0, Math.floor(text.length / 2));
    }
    case 'malformed':
      return JSON.stringify(isRows(answer) ? malform(answer, fault.how, nowMs) : answer);
    case 'odd_row':
      return JSON.stringify(oddAnswer(answer, { ...fault, path, pick }));
    default:
      return JSON.stringify(answer);
  }
}

/** Bytes to send instead of those of a file; undefined when the fault leaves them alone. */
export function damageFile(fault: Fault, file: Uint8Array): Uint8Array | undefined {
  const middle = Math.floor(file.length / 2);
  if (fault.kind === 'truncated') return file.subarray(0, middle);
  return fault.kind === 'corrupted' ? file.with(middle, file[middle]! ^ 1) : undefined;
}

const isRows = (answer: unknown): answer is unknown[][] =>
  Array.isArray(answer) && answer.length > 0 && answer.every((row) => Array.isArray(row));

/** Spoils the middle row, where only reading every row finds it. */
function malform(rows: unknown[][], how: (typeof MALFORMATIONS)[number], nowMs: number): unknown[][] {
  const middle = Math.floor(rows.length / 2);
  const row = rows[middle]!;
  const withCells = (cells: Record<number, unknown>): unknown[][] =>
    rows.with(
      middle,
      row.map((cell, index) => cells[index] ?? cell),
    );
  switch (how) {
    case 'text_price':
      return withCells({ 4: 'n/a' });
    case 'short_row':
      return rows.with(middle, row.slice(0, 4));
    case 'negative_price':
      return withCells({ 3: '-1' });
    case 'high_below_low':
      return withCells({ 2: row[3], 3: row[2] });
    case 'off_grid':
      return withCells({ 0: Number(row[0]) + 1 });
    case 'duplicate':
      return rows.toSpliced(middle, 0, row);
    case 'reversed':
      return rows.toReversed();
    case 'numbers_as_null':
      return rows.with(
        middle,
        row.map((cell, index) => (index === 5 ? null : cell)),
      );
    case 'future_bar': {
      const openTimeMs = Math.floor(nowMs / BAR_MS) * BAR_MS;
      const next = (bars: number): unknown[] => rows.at(-1)!.with(0, openTimeMs + bars * BAR_MS);
      return [...rows.filter(([opened]) => Number(opened) < openTimeMs), next(0), next(1)];
    }
  }
}
