// A day of paper trading on which everything went well, as infer, guard and the parity proofs would have recorded it; tests
// damage one thing each.

import { createMemoryRiskStore } from '../../../lib/adapters/memory/memory-risk-store.ts';
import { createMemorySignalStore } from '../../../lib/adapters/memory/memory-signal-store.ts';
import { HOUR_MS, MINUTE_MS } from '../../../lib/core/units.ts';
import type { ParityProof } from '../../../lib/features/parity-proof.ts';
import type { InferRun } from '../../../lib/inference/infer-run.ts';
import type { SignalStore } from '../../../lib/inference/ports.ts';
import type { Signal } from '../../../lib/inference/signal.ts';
import { createBarTallies } from '../../../lib/inference/use-cases/tally-bars.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import type { RiskStore } from '../../../lib/risk/ports.ts';
import type { EquitySnapshot, TradeRecord } from '../../../lib/risk/records.ts';
import { type CollectedEvidence, collectEvidence } from '../../../lib/rollout/use-cases/collect-evidence.ts';
import { rolloutRecords } from '../../../lib/rollout/use-cases/rollout-records.ts';
import { runOf, signalOf } from '../inference/sample-signals.ts';
import { answerOf } from '../models/answer.ts';
import { createMemoryObjectStore } from '../models/memory-object-store.ts';
/** A moment after an hour has begun: the day before it is judged. */
export const NOW_MS = Date.UTC(2024, 7, 6, 12, 0, 10);
const BARS = 288;
const END_MS = Math.floor(NOW_MS / BAR_MS) * BAR_MS;
const START_MS = END_MS - BARS * BAR_MS;
const TRADES = 12;

export interface PaperDay {
  readonly runs: InferRun[];
  readonly signals: Signal[];
  readonly snapshots: EquitySnapshot[];
  readonly trades: TradeRecord[];
  readonly proofs: ParityProof[];
}

const vote = (model: string, action: Signal['action']) => ({
  model,
  version: 'v20240728_000000',
  action,
  ...answerOf({ sell: 0.1, hold: 0.2, buy: 0.7 }),
});

/** Votes of XGBoost and LightGBM. */
export const votesOf = (xgboost: Signal['action'], lightgbm: Signal['action']): Signal['votes'] => [
  vote('xgboost', xgboost),
  vote('lightgbm', lightgbm),
];

export function goodDay(): PaperDay {
  const bars = Array.from({ length: BARS }, (_, bar) => START_MS + bar * BAR_MS);
  return {
    runs: bars.map((bar) => runOf(bar, { meanConfidence: 0.7 })),
    signals: bars.map((bar) => signalOf('AUSDT', bar, { confidence: 0.7, votes: votesOf('BUY', 'BUY') })),
    snapshots: bars.map((bar, index) => ({
      atMs: bar + BAR_MS,
      equityMicroUsdt: 10_000_000_000 + index * 1_000_000,
      walletMicroUsdt: 10_000_000_000,
      exposureMicroUsdt: 0,
      positions: 0,
    })),
    trades: Array.from({ length: TRADES }, (_, trade) =>
      tradeAt(START_MS + (trade + 1) * HOUR_MS, trade === 0),
    ),
    proofs: Array.from({ length: 24 }, (_, hour) => ({
      atMs: START_MS + hour * HOUR_MS + 10_000,
      symbols: ['AUSDT'],
      values: 1_176,
      mismatches: 0,
      problems: [],
    })),
  };
}

const tradeAt = (closedAtMs: number, isStop: boolean): TradeRecord => ({
  symbol: 'AUSDT',
  side: 'BUY',
  quantity: 1,
  entryPrice: 100,
  exitPrice: 101,
  reason: isStop ? 'stop' : 'horizon',
  feesMicroUsdt: 80_000,
  profitMicroUsdt: isStop ? -1_000_000 : 920_000,
  openedAtMs: closedAtMs - 15 * MINUTE_MS,
  closedAtMs,
  entryClientOrderId: `e${closedAtMs}`,
  ensembleId: 'e20240728_000000',
});

export async function record(
  day: PaperDay,
  { signals, risk }: { readonly signals: SignalStore; readonly risk: RiskStore },
): Promise<void> {
  const { equity, trades, parity } = rolloutRecords(risk);
  for (const run of day.runs) await signals.putRun(run);
  for (const signal of day.signals) await signals.put(signal);
  for (const snapshot of day.snapshots) await equity.add('paper', snapshot);
  for (const trade of day.trades) await trades.add('paper', trade);
  for (const proof of day.proofs) await parity.add('paper', proof);
}

/** The window that a good day fills. */
export const ASKED = { hours: 24, nowMs: NOW_MS, scopes: ['paper'] as const };

/** What is collected of a good day after a change, of it or of what else is stored. */
export async function collectDay(
  change: (day: PaperDay, stores: ReturnType<typeof memoryStores>) => void | Promise<void> = () => {},
  asked: Partial<typeof ASKED> = {},
): Promise<CollectedEvidence> {
  const [day, stores] = [goodDay(), memoryStores()];
  await change(day, stores);
  await record(day, stores);
  return collectEvidence(stores, { ...ASKED, ...asked });
}

/** Everything that a judgement reads and writes, in memory. */
export function memoryStores() {
  const signals = createMemorySignalStore();
  return {
    signals,
    risk: createMemoryRiskStore(),
    objects: createMemoryObjectStore({ versioned: true }),
    tallies: createBarTallies(signals),
    shards: 1,
  };
}
