// Figures as people read them, on the screen, in reports and in notes. A figure that cannot be computed reads "n/a": never a 0 or
// a blank that could be taken for a value.
import { MICRO } from './units.ts';

/** What stands for a figure that cannot be computed. */
export const NOT_AVAILABLE = 'n/a';

export const formatFigure = (value: number | undefined, decimals: number): string =>
  value === undefined ? NOT_AVAILABLE : value.toFixed(decimals);

/** @param value a fraction: 0.01 reads `1.0 %` */
export const formatPercent = (value: number | undefined, decimals = 1): string =>
  value === undefined ? NOT_AVAILABLE : `${(100 * value).toFixed(decimals)} %`;

/** A price or a quantity without the dust of binary fractions: 16.634988999999997 reads `16.634989`. */
export const formatNumber = (value: number): string => String(Number(value.toPrecision(10)));

/** A price or a quantity in a table: five digits, or all before the point. The record has the others. */
export function formatPrice(value: number | undefined): string {
  if (value === undefined) return NOT_AVAILABLE;
  const digits = Math.max(5, String(Math.trunc(value)).length);
  // Without the exponent that a number below a millionth would have.
  return new Intl.NumberFormat('en', { maximumSignificantDigits: digits, useGrouping: false }).format(value);
}

/** `9990.12 USDT` */
export const formatUsdt = (microUsdt: number): string => `${(microUsdt / MICRO).toFixed(2)} USDT`;

/** `2024-08-05` */
export const formatDay = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** `2024-08-05 00:00`, UTC. */
export const formatInstant = (ms: number): string =>
  new Date(ms).toISOString().slice(0, 16).replace('T', ' ');

/** `2024-08-05 00:00:00`, UTC. */
export const formatSecond = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');

/** `45 s`, `12 min`, `3 h 05 min`, `2 d 4 h`; rounded down. @param ms at least 0 */
export function formatDuration(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (minutes === 0) return `${seconds} s`;
  if (hours === 0) return `${minutes} min`;
  if (hours < 24) return `${hours} h ${String(minutes % 60).padStart(2, '0')} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `stale 3, illiquid 1`, in the order in which each came first; empty without any. */
export function formatCounts(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => `${name} ${count}`).join(', ');
}
