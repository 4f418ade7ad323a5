import { describe, expect, it } from 'vitest';
import { StoreError } from '../../lib/core/store-error.ts';
import { HOUR_MS } from '../../lib/core/units.ts';
import { POSITIONS } from '../../lib/execution/records.ts';
import { createBarTallies } from '../../lib/inference/use-cases/tally-bars.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { keyOf, sortable } from '../../lib/risk/record-kind.ts';
import { EQUITY } from '../../lib/risk/records.ts';
import { riskRecords } from '../../lib/risk/use-cases/risk-records.ts';
import { decideGoNoGo, type GoCriterion } from '../../lib/rollout/go-no-go.ts';
import { collectEvidence } from '../../lib/rollout/use-cases/collect-evidence.ts';
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

type Stores = ReturnType<typeof memoryStores>;
type Damage = (day: PaperDay, stores: Stores) => void | Promise<void>;

async function assess(...asked: Parameters<typeof collectDay>) {
  const collected = await collectDay(...asked);
  return { ...collected, decision: decideGoNoGo(collected.evidence) };
}

const change = <T>(list: T[], index: number, changed: Partial<T>) => {
  list[index] = { ...list[index]!, ...changed };
};
const changeWhere = <T>(list: T[], isMeant: (index: number) => boolean, changed: Partial<T>) => {
  for (const index of list.keys()) if (isMeant(index)) change(list, index, changed);
};
const quarantined = (reason: 'feature_set_mismatch' | 'sha256_mismatch' | 'quarantined_by_operator') => [
  { model: 'xgboost', version: 'v20240728_000000', reason, message: '' },
];
const malformed =
  (key: string): Damage =>
  async (_, { risk }) => {
    await risk.put('paper', key, { garbage: true }, { ifAbsent: true });
  };

describe('evidence of a good day', () => {
  it('is GO, with each figure as recorded', async () => {
    const { evidence, decision, unreadable } = await assess();
    expect(unreadable).toEqual([]);
    expect(decision.verdict).toBe('GO');
    expect(evidence).toMatchObject({
      windowHours: 24,
      barsExpected: 288,
      barsDecided: 288,
      positionsOpened: 12,
      stopLossHits: 1,
      featureMismatches: 0,
      modelLoadFailures: 0,
      agreementXgbLgbm: 1,
      worstDailyDrawdown: 0,
      memoryBytesMax: 300_000_000,
      latencyMsPerSymbol: 2.5,
    });
    expect(evidence.meanConfidence).toBeCloseTo(0.7, 12);
    // Eleven trades gained 0.92, one lost 1: less than what equity gained.
    expect(evidence.profitUsdt).toBeCloseTo(9.12, 9);
  });

  it('does not count what an operator took out of service as a failure to load', async () => {
    const { decision } = await assess(({ runs }) =>
      change(runs, 5, { quarantined: quarantined('quarantined_by_operator') }),
    );
    expect(decision.verdict).toBe('GO');
  });

  it('wants every shard on every bar', async () => {
    const [day, stores] = [goodDay(), memoryStores()];
    await record(day, stores);
    const { evidence } = await collectEvidence({ ...stores, shards: 2 }, ASKED);
    expect(evidence.barsDecided).toBe(0);
  });

  it('adds up the scopes that were traded, and takes the deeper fall', async () => {
    const stores = memoryStores();
    await record(goodDay(), stores);
    for (const [atMs, equityMicroUsdt] of [
      [NOW_MS - 2 * HOUR_MS, 100_000_000],
      [NOW_MS - HOUR_MS, 85_000_000],
    ] as const) {
      const snapshot = { atMs, equityMicroUsdt, walletMicroUsdt: 0, exposureMicroUsdt: 0, positions: 0 };
      await riskRecords(stores.risk).equity.add('live', snapshot);
    }
    const both = await collectEvidence(stores, { ...ASKED, scopes: ['paper', 'live'] });
    expect(both.evidence.worstDailyDrawdown).toBeCloseTo(0.15, 12);
    expect(both.evidence.profitUsdt).toBeCloseTo(9.12 - 15, 9);
    expect((await collectEvidence(stores, ASKED)).evidence.worstDailyDrawdown).toBe(0);
  });
});

// Everything else stays as on the good day, so the criterion named is the only one against GO.
describe('one thing wrong is NO_GO for that alone', () => {
  it.each<[string, GoCriterion, 'not_met' | 'breach' | 'unknown', Damage]>([
    [
      'one bar in 18 without a run',
      'coverage',
      'not_met',
      ({ runs }) => void runs.splice(0, runs.length, ...runs.filter((_, bar) => bar % 18 !== 0)),
    ],
    [
      'one bar in 18 with no signal stored',
      'coverage',
      'not_met',
      ({ runs }) => changeWhere(runs, (bar) => bar % 18 === 0, { written: 0 }),
    ],
    [
      'one bar in 18 with a signal lost',
      'coverage',
      'not_met',
      ({ runs }) => changeWhere(runs, (bar) => bar % 18 === 0, { unwritten: [{ symbol: 'B', message: '' }] }),
    ],
    ['nine positions', 'sample', 'not_met', ({ trades }) => void trades.splice(0, 3)],
    [
      'a model of another feature set',
      'feature_mismatches',
      'breach',
      ({ runs }) => change(runs, 7, { quarantined: quarantined('feature_set_mismatch') }),
    ],
    [
      'a parity mismatch',
      'feature_mismatches',
      'breach',
      ({ proofs }) => change(proofs, 3, { mismatches: 1 }),
    ],
    [
      'fewer than half the proofs',
      'feature_mismatches',
      'unknown',
      ({ proofs }) => void proofs.splice(0, 13),
    ],
    [
      'proofs of nothing',
      'feature_mismatches',
      'unknown',
      ({ proofs }) => changeWhere(proofs, () => true, { values: 0 }),
    ],
    ['an unreadable proof', 'feature_mismatches', 'unknown', malformed(`parity#${NOW_MS}`)],
    [
      'a model that failed to load once',
      'model_load_failures',
      'breach',
      ({ runs }) => change(runs, 7, { quarantined: quarantined('sha256_mismatch') }),
    ],
    [
      'a run without an ensemble',
      'model_load_failures',
      'breach',
      ({ runs }) => change(runs, 7, { ensembleId: null }),
    ],
    [
      'models that disagree on a third',
      'agreement',
      'not_met',
      ({ signals }) => changeWhere(signals, (bar) => bar % 3 === 0, { votes: votesOf('BUY', 'SELL') }),
    ],
    [
      'models that disagree on more than half',
      'agreement',
      'breach',
      ({ signals }) => changeWhere(signals, (bar) => bar % 9 < 5, { votes: votesOf('BUY', 'HOLD') }),
    ],
    [
      'one of the two models hardly voting',
      'agreement',
      'unknown',
      ({ signals }) =>
        changeWhere(signals, (bar) => bar % 9 < 5, { votes: votesOf('BUY', 'BUY').slice(0, 1) }),
    ],
    [
      'low confidence',
      'confidence',
      'not_met',
      ({ signals }) => changeWhere(signals, () => true, { confidence: 0.6 - 1e-9 }),
    ],
    [
      'a fall of 6 % made good again',
      'daily_drawdown',
      'not_met',
      ({ snapshots }) => change(snapshots, 200, { equityMicroUsdt: 9_588_000_000 }),
    ],
    [
      'a fall of 11 % made good again',
      'daily_drawdown',
      'breach',
      ({ snapshots }) => change(snapshots, 200, { equityMicroUsdt: 9_000_000_000 }),
    ],
    ['a second stop hit', 'stop_hits', 'not_met', ({ trades }) => change(trades, 4, { reason: 'stop' })],
    [
      'equity lower than at first',
      'profit',
      'not_met',
      ({ snapshots }) => change(snapshots, 287, { equityMicroUsdt: 9_999_000_000 }),
    ],
    [
      'equity up, but trades at a loss',
      'profit',
      'not_met',
      ({ trades }) => changeWhere(trades, () => true, { profitMicroUsdt: -1 }),
    ],
    ['2 GB in one run', 'memory', 'breach', ({ runs }) => change(runs, 9, { residentBytes: 2_000_000_000 })],
    [
      '100 ms per symbol in one run',
      'latency',
      'breach',
      ({ runs }) =>
        change(runs, 9, {
          timingsMs: { models: 0, fetch: 0, features: 100, inference: 100, store: 0, total: 200 },
        }),
    ],
  ])('%s: %s %s', async (_, criterion, status, damage) => {
    const { decision } = await assess(damage);
    if (decision.verdict !== 'NO_GO') throw new Error('expected NO_GO');
    expect(decision.criteria).toEqual([criterion]);
    expect(decision.results.find((result) => result.criterion === criterion)?.status).toBe(status);
    expect(decision.breaches).toEqual(status === 'breach' ? [criterion] : []);
  });

  it('a window that is too short', async () => {
    const { decision } = await assess(undefined, { hours: 23 });
    expect(decision).toMatchObject({ verdict: 'NO_GO', criteria: ['window'] });
  });
});

describe('evidence that is missing or unreadable', () => {
  const TRADING = ['sample', 'daily_drawdown', 'stop_hits', 'profit'];
  it.each<[string, Damage, readonly string[]]>([
    ['no marks', ({ snapshots }) => void snapshots.splice(0), TRADING],
    ['marks silent for 20 minutes', ({ snapshots }) => void snapshots.splice(100, 3), TRADING],
    ['marks that end 20 minutes ago', ({ snapshots }) => void snapshots.splice(284), TRADING],
    ['marks that begin late', ({ snapshots }) => void snapshots.splice(0, 3), TRADING],
    ['an unreadable mark', malformed(keyOf(EQUITY, sortable(NOW_MS - HOUR_MS))), TRADING],
    ['an unreadable trade', malformed(`trade#${NOW_MS}#A`), TRADING],
    ['an unreadable position', malformed(keyOf(POSITIONS, 'A')), TRADING],
    ['no signals', ({ signals }) => void signals.splice(0), ['agreement', 'confidence']],
    [
      'no runs',
      ({ runs }) => void runs.splice(0),
      ['coverage', 'feature_mismatches', 'model_load_failures', 'memory', 'latency'],
    ],
  ])('%s: NO_GO, unknown', async (_, damage, criteria) => {
    const { decision } = await assess(damage);
    if (decision.verdict !== 'NO_GO') throw new Error('expected NO_GO');
    expect(decision.criteria).toEqual(criteria);
    expect(decision.breaches).toEqual([]);
  });

  it('tells a deep fall even where marks are missing', async () => {
    const { decision } = await assess(({ snapshots }) => {
      change(snapshots, 200, { equityMicroUsdt: 8_000_000_000 });
      snapshots.splice(100, 3);
    });
    expect(decision).toMatchObject({ verdict: 'NO_GO', breaches: ['daily_drawdown'] });
  });

  it('names the store that cannot be read, and measures the rest', async () => {
    const stores = memoryStores();
    await record(goodDay(), stores);
    const down = () => Promise.reject(new StoreError('the signals table is gone', { retryable: true }));
    const sources = { ...stores, signals: { lastRuns: down }, tallies: createBarTallies({ ofBar: down }) };
    const { evidence, unreadable } = await collectEvidence(sources, ASKED);
    expect(unreadable).toEqual(['the signals table is gone', 'the signals table is gone']);
    expect(evidence).toMatchObject({
      positionsOpened: 12,
      meanConfidence: undefined,
      barsDecided: undefined,
    });
  });

  it('is all of it for a system that never ran', async () => {
    const { evidence, unreadable } = await collectEvidence(memoryStores(), ASKED);
    expect(unreadable).toEqual([]);
    const decision = decideGoNoGo(evidence);
    expect(decision.verdict).toBe('NO_GO');
    expect(
      decision.results.filter(({ status }) => status === 'met').map(({ criterion }) => criterion),
    ).toEqual(['window']);
  });
});

describe('bar tallies', () => {
  it('read a settled bar once, and one that may still grow again', async () => {
    const stores = memoryStores();
    await record(goodDay(), stores);
    const asks = new Map<number, number>();
    const tallies = createBarTallies({
      ofBar(bar) {
        asks.set(bar, (asks.get(bar) ?? 0) + 1);
        return stores.signals.ofBar(bar);
      },
    });
    const toMs = NOW_MS - (NOW_MS % BAR_MS);
    const range = { fromMs: toMs - HOUR_MS, toMs };
    expect(await tallies.between(range)).toEqual(await tallies.between(range));
    expect([...asks.values()].reduce((sum, count) => sum + count)).toBe(12 + 6);
    expect(asks.get(toMs - BAR_MS)).toBe(2);
    expect(asks.get(range.fromMs)).toBe(1);
  });
});
