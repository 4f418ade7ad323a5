// What a run has traded: orders, trades, equity, circuit breaker and GO/NO-GO, from the records.
import wrapAnsi from 'wrap-ansi';
import { formatCounts, formatInstant, formatUsdt } from '../../lib/core/format-figure.ts';
import { createBarTallies } from '../../lib/inference/use-cases/tally-bars.ts';
import type { EquitySnapshot } from '../../lib/risk/records.ts';
import { allValues } from '../../lib/risk/use-cases/typed-records.ts';
import { reportGoNoGo } from '../../lib/rollout/use-cases/assess-rollout.ts';
import { rolloutRecords } from '../../lib/rollout/use-cases/rollout-records.ts';
import type { OperatorSystem } from '../../lib/runtime/compose/operator.ts';
import { tellStory } from './run-story.ts';

const GO_NO_GO_HOURS = 24;
const COLUMNS_DEFAULT = 80;

/** Lines since the state was created, each with a line feed before it. Throws StoreError. */
export async function describeTrading(system: OperatorSystem, nowMs: number): Promise<string> {
  const { risk } = system;
  const scope = 'paper' as const;
  const records = rolloutRecords(risk);
  const [orders, trades, snapshots, audits] = await Promise.all([
    records.orders.all(scope).then(allValues),
    records.trades.all(scope).then(allValues),
    records.equity.all(scope).then(allValues),
    records.audit.all(scope).then(allValues),
  ]);
  const tallies = createBarTallies(system.signals);
  const assessment = await reportGoNoGo(
    { ...system, tallies, shards: await system.readShards() },
    { hours: GO_NO_GO_HOURS, nowMs },
  );
  const { decision } = assessment;
  const stops = trades.filter(({ reason }) => reason === 'stop').length;
  const profit = trades.reduce((sum, trade) => sum + trade.profitMicroUsdt, 0);
  const breaker = audits.filter(({ what }) => what === 'tripped' || what === 'reset');
  const lines = [
    `orders    ${orders.length}${orders.length > 0 ? ` (${formatCounts(orders.map(({ leg, state }) => `${leg} ${state.status}`))})` : ''}`,
    `trades    ${trades.length} closed, ${stops} by their stop, ${formatUsdt(profit)} net of fees`,
    `equity    ${describeEquity(snapshots)}`,
    `breaker   ${breaker.length === 0 ? 'never tripped' : breaker.map(({ atMs, what, message }) => `${formatInstant(atMs)} ${what}: ${message}`).join('; ')}`,
    `GO/NO-GO  ${decision.verdict}${decision.verdict === 'NO_GO' ? ` (${decision.criteria.join(', ')})` : ''}`,
  ];
  const story = tellStory({ orders, trades, snapshots, audits });
  return [...lines, ...(story === '' ? [] : ['', fitToTerminal(story)])].map((line) => `\n${line}`).join('');
}

/** Between words; where nobody watches a paragraph is one line. */
const fitToTerminal = (text: string): string =>
  process.stdout.isTTY ? wrapAnsi(text, process.stdout.columns || COLUMNS_DEFAULT) : text;

function describeEquity(snapshots: readonly EquitySnapshot[]): string {
  const first = snapshots[0];
  const last = snapshots.at(-1);
  if (first === undefined || last === undefined) return 'no snapshot yet';
  const lowest = snapshots.reduce((low, snapshot) =>
    snapshot.equityMicroUsdt < low.equityMicroUsdt ? snapshot : low,
  );
  return `${formatUsdt(last.equityMicroUsdt)}, started with ${formatUsdt(first.equityMicroUsdt)}, lowest ${formatUsdt(lowest.equityMicroUsdt)} at ${formatInstant(lowest.atMs)}; ${last.positions} positions open`;
}
