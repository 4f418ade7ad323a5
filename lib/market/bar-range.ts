// Ranges of bars and the calendar that stored candles are cut by: what of a range is there, and what is missing. All of it is UTC.
import { DAY_MS } from '../core/units.ts';
import { BAR_MS } from './candle.ts';

/** Half-open, in open times: bars from `fromMs` up to and without `toMs`, both multiples of 300000. */
export interface BarRange {
  readonly fromMs: number;
  readonly toMs: number;
}

/** `2024-07`, of an epoch ms. */
export const monthOf = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 7);

/** `2024-07-01`, of an epoch ms. */
export const dayOf = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 10);

/** @param period a month such as `2024-07`, or a day such as `2024-07-01` */
export function rangeOfPeriod(period: string): BarRange {
  const [year, month, day] = period.split('-').map(Number) as [number, number, number | undefined];
  if (day === undefined) return { fromMs: Date.UTC(year, month - 1), toMs: Date.UTC(year, month) };
  const fromMs = Date.UTC(year, month - 1, day);
  return { fromMs, toMs: fromMs + DAY_MS };
}

/** Months that the range touches, newest first. */
export function monthsOf({ fromMs, toMs }: BarRange): string[] {
  const months: string[] = [];
  for (let endMs = toMs; endMs > fromMs; endMs = rangeOfPeriod(months.at(-1)!).fromMs)
    months.push(monthOf(endMs - 1));
  return months;
}

/** The part of the range that lies within the bounds; undefined when there is none. */
export function clipRange(range: BarRange, bounds: BarRange): BarRange | undefined {
  const fromMs = Math.max(range.fromMs, bounds.fromMs);
  const toMs = Math.min(range.toMs, bounds.toMs);
  return fromMs < toMs ? { fromMs, toMs } : undefined;
}

/** The bars of `wanted` that are neither had nor in one of the gaps, as ranges, oldest first. */
export function missingRanges(
  wanted: BarRange,
  { has, gaps }: { has: (openTimeMs: number) => boolean; gaps: readonly BarRange[] },
): BarRange[] {
  const missing: BarRange[] = [];
  const isGap = (ms: number) => gaps.some(({ fromMs, toMs }) => fromMs <= ms && ms < toMs);
  for (let ms = wanted.fromMs; ms < wanted.toMs; ms += BAR_MS)
    if (!has(ms) && !isGap(ms)) missing.push({ fromMs: ms, toMs: ms + BAR_MS });
  return uniteRanges(missing);
}

/** The same bars in as few ranges as there can be, oldest first. */
export function uniteRanges(ranges: readonly BarRange[]): BarRange[] {
  const united: { fromMs: number; toMs: number }[] = [];
  for (const { fromMs, toMs } of ranges.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const last = united.at(-1);
    if (last !== undefined && fromMs <= last.toMs) last.toMs = Math.max(last.toMs, toMs);
    else united.push({ fromMs, toMs });
  }
  return united;
}

/** Of ranges that do not overlap. */
export const countBars = (ranges: readonly BarRange[]): number =>
  ranges.reduce((sum, { fromMs, toMs }) => sum + (toMs - fromMs) / BAR_MS, 0);

/** Half-open range of open times, epoch ms; undefined is without limit. */
export interface OpenTimeRange {
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
}
