import { describe, expect, it } from 'vitest';
import { POSITIONS, type PositionRecord } from '../../lib/execution/records.ts';
import type { InferRun } from '../../lib/inference/infer-run.ts';
import type { SignalStore } from '../../lib/inference/ports.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { keyOf } from '../../lib/risk/record-kind.ts';
import { collectEvidence } from '../../lib/rollout/use-cases/collect-evidence.ts';
import { runOf } from '../support/inference/sample-signals.ts';
import {
  ASKED,
  collectDay,
  goodDay,
  memoryStores,
  NOW_MS,
  type PaperDay,
  record,
  votesOf,
} from '../support/trading/paper-day.ts';

const END_MS = NOW_MS - (NOW_MS % BAR_MS);

const evidenceOf = async (change: Parameters<typeof collectDay>[0]) => (await collectDay(change)).evidence;

const quiet: InferRun['candleWindows'] = { newest: 0, whole: 2, proven: 0, differing: [], revised: [] };
const windowsOf = (day: PaperDay, bar: number, windows: Partial<InferRun['candleWindows']>) => {
  day.runs[bar] = { ...day.runs[bar]!, candleWindows: { ...quiet, ...windows } };
};

describe('runs', () => {
  it('count for a bar that every shard has decided', async () => {
    const [day, stores] = [goodDay(), memoryStores()];
    const runs = day.runs.splice(0);
    for (const [bar, run] of runs.entries())
      for (const shard of bar === 7 ? [1] : [0, 1]) day.runs.push({ ...run, shard, shardCount: 2 });
    await record(day, stores);
    const { evidence } = await collectEvidence({ ...stores, shards: 2 }, ASKED);
    expect(evidence.barsDecided).toBe(287);
  });

  it('outside the window are not looked at, and no more of them are read than it may hold', async () => {
    const [day, stores] = [goodDay(), memoryStores()];
    const large = { residentBytes: 900_000_000 };
    day.runs.unshift(runOf(END_MS - 289 * BAR_MS, large));
    day.runs.push(runOf(END_MS, large));
    await record(day, stores);
    const counts: number[] = [];
    const signals: Pick<SignalStore, 'lastRuns'> = {
      lastRuns(question) {
        counts.push(question.count);
        return stores.signals.lastRuns(question);
      },
    };
    const { evidence } = await collectEvidence({ ...stores, signals }, ASKED);
    expect(evidence).toMatchObject({ barsDecided: 288, memoryBytesMax: 300_000_000 });
    expect(counts).toEqual([290]);
  });

  it('without symbols say nothing of the time for one', async () => {
    const evidence = await evidenceOf(({ runs }) => {
      runs[3] = { ...runs[3]!, symbols: 0 };
    });
    expect(evidence.latencyMsPerSymbol).toBe(2.5);
  });

  it('that there are not leave everything about them unknown', async () => {
    const evidence = await evidenceOf(({ runs }) => void runs.splice(0));
    expect(evidence.memoryBytesMax).toBeUndefined();
    expect(evidence.latencyMsPerSymbol).toBeUndefined();
    expect(evidence.modelLoadFailures).toBeUndefined();
  });
});

describe('signals', () => {
  it('are compared where both models have voted on half of them', async () => {
    const evidence = await evidenceOf(({ signals }) => {
      for (const [bar, signal] of signals.entries())
        if (bar % 2 === 0) signals[bar] = { ...signal, votes: votesOf('BUY', 'BUY').slice(0, 1) };
    });
    expect(evidence.agreementXgbLgbm).toBe(1);
  });

  it('that do not act have no confidence', async () => {
    const evidence = await evidenceOf(({ signals }) => {
      for (const [bar, signal] of signals.entries()) signals[bar] = { ...signal, action: 'HOLD' };
    });
    expect(evidence).toMatchObject({ actingSignals: 0, meanConfidence: undefined });
  });

  it('that there are not are neither compared nor counted', async () => {
    const { agreementXgbLgbm, actingSignals } = await evidenceOf(({ signals }) => void signals.splice(0));
    expect([agreementXgbLgbm, actingSignals]).toEqual([undefined, undefined]);
  });
});

describe('features', () => {
  it('differ as often as models, proofs and kept candles say together', async () => {
    const evidence = await evidenceOf((day) => {
      day.proofs[1] = { ...day.proofs[1]!, mismatches: 2 };
      windowsOf(day, 5, { differing: ['AUSDT', 'BUSDT', 'CUSDT'] });
    });
    expect(evidence.featureMismatches).toBe(5);
  });

  it('differ by kept candles, though nothing was proven', async () => {
    const evidence = await evidenceOf((day) => {
      day.proofs.splice(0);
      windowsOf(day, 5, { differing: ['AUSDT'] });
    });
    expect(evidence.featureMismatches).toBe(1);
  });

  it('are proven by half of the hourly proofs', async () => {
    const twelve = await evidenceOf(({ proofs }) => void proofs.splice(0, 12));
    expect(twelve.featureMismatches).toBe(0);
  });

  it('from candles that were kept are proven by a whole reading of them', async () => {
    const kept = (day: PaperDay) => windowsOf(day, 5, { newest: 2, whole: 0 });
    expect((await evidenceOf(kept)).featureMismatches).toBeUndefined();
    const proven = await evidenceOf((day) => {
      kept(day);
      windowsOf(day, 9, { proven: 1 });
    });
    expect(proven.featureMismatches).toBe(0);
  });
});

describe('trading', () => {
  it('of a scope that was not marked adds nothing', async () => {
    const stores = memoryStores();
    await record(goodDay(), stores);
    const { evidence } = await collectEvidence(stores, { ...ASKED, scopes: ['paper', 'live'] });
    expect(evidence).toMatchObject({ positionsOpened: 12, worstDailyDrawdown: 0 });
    expect(evidence.profitUsdt).toBeCloseTo(9.12, 9);
  });

  it('counts what is open with what was closed', async () => {
    const open: PositionRecord = {
      ...({ symbol: 'BUSDT', side: 'BUY', quantity: 1, entryPrice: 100, stopPrice: 98 } as const),
      ...{ entryClientOrderId: 'e', stopClientOrderId: 's', stopSequence: 0, unprotectedSinceMs: null },
      ...{ exitClientOrderId: null, exitSequence: null, exitDueMs: NOW_MS, openedAtMs: NOW_MS - BAR_MS },
    };
    const evidence = await evidenceOf((_, { risk }) => {
      void risk.put('paper', keyOf(POSITIONS, open.symbol), open, { ifAbsent: true });
    });
    expect(evidence.positionsOpened).toBe(13);
  });

  it('ends now: later trades and marks are of another window', async () => {
    const evidence = await evidenceOf(({ snapshots, trades }) => {
      trades[10] = { ...trades[10]!, closedAtMs: NOW_MS };
      trades[11] = { ...trades[11]!, closedAtMs: NOW_MS + 1 };
      const mark = snapshots[287]!;
      snapshots.push({ ...mark, atMs: NOW_MS, equityMicroUsdt: 10_005_000_000 });
      snapshots.push({ ...mark, atMs: NOW_MS + 1, equityMicroUsdt: 1 });
    });
    expect(evidence).toMatchObject({ positionsOpened: 11, profitUsdt: 5 });
    expect(evidence.worstDailyDrawdown).toBeCloseTo(282 / 10_287, 12);
  });

  it('may be marked as seldom as every fifteen minutes', async () => {
    const seldom = await evidenceOf(({ snapshots }) => {
      const kept = snapshots.filter((_, bar) => bar % 3 === 2);
      snapshots.splice(0, snapshots.length, ...kept);
    });
    expect(seldom.positionsOpened).toBe(12);
    const later = await evidenceOf(({ snapshots }) => {
      const kept = snapshots.filter((_, bar) => bar % 3 === 2);
      kept[40] = { ...kept[40]!, atMs: kept[40]!.atMs + 1 };
      snapshots.splice(0, snapshots.length, ...kept);
    });
    expect(later.positionsOpened).toBeUndefined();
  });
});
