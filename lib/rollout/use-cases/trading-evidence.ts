// What the traded scopes show for GO/NO-GO: positions, stops hit, the deepest fall of a day, profit. It says something only where
// the position manager's equity snapshots have no gaps.

import { MICRO, MINUTE_MS } from '../../core/units.ts';
import { executionRecords } from '../../execution/use-cases/execution-records.ts';
import { worstDailyDrawdown } from '../../risk/drawdown.ts';
import type { Scope } from '../../risk/gate.ts';
import type { RecordStore } from '../../risk/ports.ts';
import type { EquitySnapshot } from '../../risk/records.ts';
import { allValues } from '../../risk/use-cases/typed-records.ts';
import type { GoNoGoEvidence } from '../go-no-go.ts';

export type TradingEvidence = Pick<
  GoNoGoEvidence,
  'positionsOpened' | 'stopLossHits' | 'worstDailyDrawdown' | 'profitUsdt'
>;

export const NOT_TRADED: TradingEvidence = {
  positionsOpened: undefined,
  stopLossHits: undefined,
  worstDailyDrawdown: undefined,
  profitUsdt: undefined,
};

/** The position manager takes a snapshot every minute; a longer silence may hide any fall. */
const MARK_GAP_MS_MAX = 15 * MINUTE_MS;
/** A fall as deep as this is told even where marks are missing; that there was none takes all of them. */
const CERTAIN_FALL = 0.05;

interface Asked {
  readonly scopes: readonly Scope[];
  readonly fromMs: number;
  readonly toMs: number;
  readonly nowMs: number;
}

/** Positions are those held at some time since `fromMs`. Rejects when a record cannot be read. */
export async function collectTrading(risk: RecordStore, asked: Asked): Promise<TradingEvidence> {
  const scopes = await Promise.all(asked.scopes.map((scope) => readScope(risk, scope, asked)));
  const marked = scopes.filter(({ snapshots }) => snapshots.length > 0);
  const falls = marked.map(({ snapshots }) => worstFall(snapshots));
  const worst = falls.includes(undefined) ? undefined : largest(falls as number[]);
  if (!isWithoutGap(marked, asked))
    return { ...NOT_TRADED, worstDailyDrawdown: (worst ?? 0) >= CERTAIN_FALL ? worst : undefined };
  return {
    positionsOpened: sum(scopes.map(({ positions }) => positions)),
    stopLossHits: sum(scopes.map(({ stopHits }) => stopHits)),
    worstDailyDrawdown: worst,
    profitUsdt: sum(marked.map(profitMicroUsdt)) / MICRO,
  };
}

/** What one scope did: its marks, oldest first, and its positions. */
interface ScopeTrading {
  readonly snapshots: readonly EquitySnapshot[];
  readonly positions: number;
  readonly stopHits: number;
  /** Of the positions that were closed. */
  readonly realisedMicroUsdt: number;
}

async function readScope(risk: RecordStore, scope: Scope, { fromMs, nowMs }: Asked): Promise<ScopeTrading> {
  const records = executionRecords(risk);
  const [snapshots, trades, open] = await Promise.all([
    records.equity.since(scope, fromMs).then(allValues),
    records.trades.since(scope, fromMs).then(allValues),
    records.positions.all(scope).then(allValues),
  ]);
  const closed = trades.filter(({ closedAtMs }) => closedAtMs <= nowMs);
  return {
    snapshots: snapshots.filter(({ atMs }) => atMs <= nowMs),
    positions: closed.length + open.length,
    stopHits: closed.filter(({ reason }) => reason === 'stop').length,
    realisedMicroUsdt: closed.reduce((sum, { profitMicroUsdt }) => sum + profitMicroUsdt, 0),
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const largest = (values: readonly number[]): number | undefined =>
  values.length === 0 ? undefined : Math.max(...values);

const worstFall = (snapshots: readonly EquitySnapshot[]): number | undefined =>
  worstDailyDrawdown({
    timeMs: snapshots.map(({ atMs }) => atMs),
    equityUsdt: snapshots.map(({ equityMicroUsdt }) => equityMicroUsdt / MICRO),
  });

/** The smaller of equity gained and profit realised: neither a deposit nor what may still be lost again is a profit. */
function profitMicroUsdt({ snapshots, realisedMicroUsdt }: ScopeTrading): number {
  const gained = snapshots.at(-1)!.equityMicroUsdt - snapshots[0]!.equityMicroUsdt;
  return Math.min(gained, realisedMicroUsdt);
}

function isWithoutGap(scopes: readonly ScopeTrading[], { fromMs, toMs }: Asked): boolean {
  const snapshots = scopes.flatMap((scope) => scope.snapshots.map(({ atMs }) => atMs)).sort((a, b) => a - b);
  const times = [fromMs, ...snapshots, toMs];
  return times.every((time, index) => index === 0 || time - times[index - 1]! <= MARK_GAP_MS_MAX);
}
