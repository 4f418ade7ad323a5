// How figures are written: money to the cent, times in UTC, durations in one or two units.
const MICRO = 1e6;

const money = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const significant = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 6 });

export const usdt = (micro: number): string => money.format(micro / MICRO);
export const signedUsdt = (micro: number): string => `${micro > 0 ? '+' : ''}${usdt(micro)}`;
/** Prices and quantities, of any size. */
export const figure = (value: number): string => significant.format(value);
export const percent = (fraction: number, digits = 2): string => `${(fraction * 100).toFixed(digits)} %`;
export const bps = (value: number): string => `${value > 0 ? '+' : ''}${value.toFixed(1)}`;

export const instant = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');

export function duration(ms: number): string {
  const minutes = Math.floor(Math.max(0, ms) / 60_000);
  if (minutes < 1) return `${Math.floor(Math.max(0, ms) / 1000)} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `no_consensus` → `no consensus` */
export const words = (code: string): string => code.replaceAll('_', ' ');

/** A class for the sign of an amount. */
export const signClass = (value: number | null): string =>
  value === null || value === 0 ? '' : value > 0 ? 'gain' : 'loss';

/** Who acted: a name that is not proven says so. */
export const actor = ({ name, proven }: { readonly name: string; readonly proven: boolean }): string =>
  proven ? name : `${name} (not proven)`;
