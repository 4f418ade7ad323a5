// What must be true of a rehearsed day, whatever befell it.
import { MINUTE_MS } from '../../lib/core/units.ts';
import type { DayReport, Trip } from './day-report.ts';

/** Within this time after an act of others the circuit breaker trips because of it: two runs of the position manager, and a tick. */
const EXPLAINS_MS = 12 * MINUTE_MS;
const UNPROTECTED_MS_MAX = MINUTE_MS;
const REJECTIONS_MS = 15 * MINUTE_MS;
const EXPLAINED: readonly string[] = ['reconciliation', 'unprotected_position'];

const isOfOrders = (cause: string): boolean => cause.startsWith('order_rejections');

/** One line for each thing that does not hold; empty for a day as it must be. */
export function problemsOfDay(report: DayReport): readonly string[] {
  const { trips, acts, longestUnprotectedMs, differencesAtEnd, unexplainedMicroUsdt } = report;
  /** The breaker counts orders that came to nothing over a quarter of an hour. */
  const isOutage = ({ atMs, causes, unexplainedRefusals }: Trip): boolean =>
    causes.every(isOfOrders) &&
    (unexplainedRefusals.length === 0 ||
      report.ordersOutAtMs.some((outMs) => atMs >= outMs && atMs - outMs <= REJECTIONS_MS));
  const isExplained = ({ atMs, causes }: Trip): boolean =>
    acts.some((act) => atMs >= act.atMs && atMs - act.atMs <= EXPLAINS_MS) &&
    causes.every((cause) => EXPLAINED.includes(cause.split(':')[0]!));
  const isTold = ({ atMs }: { atMs: number }): boolean =>
    trips.some((trip) => trip.atMs >= atMs && trip.atMs - atMs <= EXPLAINS_MS);
  const at = (ms: number): string => new Date(ms).toISOString();
  return [
    ...trips
      .filter((trip) => !isExplained(trip) && !isOutage(trip))
      .map(({ atMs, causes, unexplainedRefusals }) => {
        const refusals = causes.some(isOfOrders) ? unexplainedRefusals : [];
        return [`${at(atMs)}: a trip that no act explains: ${causes.join('; ')}`, ...refusals].join('; ');
      }),
    ...acts
      .filter((act) => !isTold(act))
      .map(({ atMs, what, symbol }) => `${at(atMs)}: ${symbol} ${what}, and nothing tripped`),
    ...(longestUnprotectedMs > UNPROTECTED_MS_MAX
      ? [`a position was without a stop for ${longestUnprotectedMs / 1_000} s`]
      : []),
    ...differencesAtEnd.map((line) => `at the end: ${line}`),
    ...(acts.length === 0 && unexplainedMicroUsdt !== 0
      ? [`${unexplainedMicroUsdt} micro-USDT were taken over without an explanation`]
      : []),
  ];
}
