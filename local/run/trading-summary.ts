// What a run has traded: orders, stops, equity, breaker and GO/NO-GO, from the records that the functions wrote.

import { createBarTallies } from '../../lib/inference/use-cases/tally-bars.ts';
import type { EquitySnapshot } from '../../lib/risk/records.ts';
import { allValues } from '../../lib/risk/use-cases/typed-records.ts';
import { reportGoNoGo } from '../../lib/rollout/use-cases/assess-rollout.ts';
import { rolloutRecords } from '../../lib/rollout/use-cases/rollout-records.ts';
import type { OperatorSystem } from '../../lib/runtime/compose/operator.ts';
import { formatCounts, formatInstant } from './live-view.ts';

const MICRO = 1_000_000;
const GO_NO_GO_HOURS = 24;

/** Lines, each with a line feed before it; everything since the state was begun. Throws StoreError. */
export async function describeTrading(system: OperatorSystem, nowMs: number): Promise<string> {
  const { risk } = system;
  const scope = 'paper' as const;
  const records = rolloutRecords(risk);
  const [orders, trades, marks, audits] = await Promise.all([
    records.orders.all(scope).then(allValues),
    records.trades.all(scope).then(allValues),
    records.equity.all(scope).then(allValues),
    records.audit.all(scope).then(allValues),
  ]);
  const tallies = createBarTallies(system.signals);
  const judged = await reportGoNoGo(
    { ...system, tallies, shards: await system.readShards() },
    { hours: GO_NO_GO_HOURS, nowMs },
  );
  const { decision } = judged;
  const stops = trades.filter(({ reason }) => reason === 'stop').length;
  const profit = trades.reduce((sum, trade) => sum + trade.profitMicroUsdt, 0);
  const breaker = audits.filter(({ what }) => what === 'tripped' || what === 'reset');
  const lines = [
    `orders    ${orders.length}${orders.length > 0 ? ` (${formatCounts(orders.map(({ leg, state }) => `${leg} ${state.status}`))})` : ''}`,
    `trades    ${trades.length} closed, ${stops} by their stop, ${usdt(profit)} net of fees`,
    `equity    ${describeEquity(marks)}`,
    `breaker   ${breaker.length === 0 ? 'never tripped' : breaker.map(({ atMs, what, message }) => `${formatInstant(atMs)} ${what}: ${message}`).join('; ')}`,
    `GO/NO-GO  ${decision.verdict}${decision.verdict === 'NO_GO' ? ` (${decision.criteria.join(', ')})` : ''}`,
  ];
  return lines.map((line) => `\n${line}`).join('');
}

function describeEquity(marks: readonly EquitySnapshot[]): string {
  const first = marks[0];
  const last = marks.at(-1);
  if (first === undefined || last === undefined) return 'not marked yet';
  const lowest = marks.reduce((low, mark) => (mark.equityMicroUsdt < low.equityMicroUsdt ? mark : low));
  return `${usdt(last.equityMicroUsdt)}, begun with ${usdt(first.equityMicroUsdt)}, lowest ${usdt(lowest.equityMicroUsdt)} at ${formatInstant(lowest.atMs)}; ${last.positions} positions open`;
}

const usdt = (microUsdt: number): string => `${(microUsdt / MICRO).toFixed(2)} USDT`;
