// One run of infer on plain ports: what it decides, what it leaves out and why, and what its record says of it.
import { describe, expect, it } from 'vitest';
import { createMemorySignalStore } from '../../lib/adapters/memory/memory-signal-store.ts';
import type { ObjectStore } from '../../lib/core/ports.ts';
import { failure, type Result, success } from '../../lib/core/result.ts';
import { FEATURE_SET_HASH } from '../../lib/features/feature-set.ts';
import type { Signal } from '../../lib/inference/signal.ts';
import {
  CLOSE_MARGIN_MS,
  type InferDependencies,
  type InferRequest,
  infer,
} from '../../lib/inference/use-cases/infer.ts';
import { betaToBitcoin } from '../../lib/market/beta.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { type CandleSeries, sliceSeries } from '../../lib/market/candle-series.ts';
import { fillGaps, REQUEST_BARS, ROW_WINDOW_BARS, SEQUENCE_STEPS } from '../../lib/market/grid.ts';
import type { MarketDataError, MarketDataErrorCode } from '../../lib/market/ports.ts';
import { newestTimeframeAtr } from '../../lib/market/timeframe-atr.ts';
import type { WindowReading } from '../../lib/market/use-cases/candle-windows.ts';
import { STOP_TIMEFRAMES } from '../../lib/models/stop-timeframe.ts';
import type { LoadedMember } from '../../lib/models/use-cases/loaded-member.ts';
import { SEQUENCE, served, servedBy } from '../support/inference/plain-models.ts';
import { randomWalk, WALK_START_MS } from '../support/market/random-walk.ts';
import { createMemoryObjectStore } from '../support/models/memory-object-store.ts';

const BAR = WALK_START_MS + (REQUEST_BARS - 1) * BAR_MS;
const CLOSE_MS = BAR + BAR_MS;
const SYMBOLS = ['AUSDT', 'BTCUSDT', 'CUSDT'];

const series = Object.fromEntries(
  SYMBOLS.map((symbol, seed) => [symbol, randomWalk({ seed: seed + 1, bars: REQUEST_BARS })]),
) as Record<string, CandleSeries>;
const whole = (candles: CandleSeries): WindowReading => ({
  series: candles,
  source: 'whole',
  isRevised: false,
  isProven: undefined,
});
const errorOf = (code: MarketDataErrorCode): MarketDataError => ({
  code,
  message: `says ${code}`,
  retryable: true,
});

type Reading = Result<WindowReading, MarketDataError>;

/** Everything that a run needs; `over` replaces a part. */
function world(
  over: Partial<InferDependencies> & {
    readonly readings?: Record<string, () => Promise<Reading>>;
    readonly members?: readonly LoadedMember[];
  } = {},
) {
  const { readings = {}, members = [servedBy('a'), servedBy('b')], ...rest } = over;
  const ensemble = served(...members);
  const signals = createMemorySignalStore();
  const read: string[] = [];
  const dependencies: InferDependencies = {
    market: { serverTimeMs: async () => success(CLOSE_MS + 3_000) },
    windows: {
      read: async ({ symbol, lastOpenTimeMs }) => {
        read.push(`${symbol} ${lastOpenTimeMs}`);
        return readings[symbol]?.() ?? success(whole(series[symbol]!));
      },
    },
    ensembles: {
      current: async () => success({ ...ensemble.loaded, shadow: undefined }),
      close: async () => undefined,
    },
    signals,
    clock: { nowMs: () => CLOSE_MS + 4_000 },
    stopwatchMs: () => 0,
    residentBytes: () => 123,
    codeVersion: 'v7',
    ...rest,
  };
  const run = (request: Partial<InferRequest> = {}) =>
    infer(dependencies, { symbols: SYMBOLS, shard: 1, shardCount: 2, ...request });
  return { run, signals, read, ensemble };
}

/** Leans as told, row by row, whatever the market is. */
const leaning = (...ways: readonly ('BUY' | 'SELL')[]): LoadedMember => {
  const model = servedBy('x');
  return {
    ...model,
    async predict(values, rows) {
      const row = (way: 'BUY' | 'SELL') =>
        new Float32Array(values.length / rows).fill(way === 'BUY' ? 1 : -1);
      const answers = await Promise.all(ways.map((way) => model.predict(row(way), 1)));
      return { votes: answers.flatMap(({ votes }) => votes), failed: undefined };
    },
  };
};
const named = (name: string, member: LoadedMember): LoadedMember => ({
  ...member,
  name,
  async predict(values, rows) {
    const { votes, failed } = await member.predict(values, rows);
    return { votes: votes.map((vote) => ({ ...vote, model: name })), failed };
  },
});
/** Both models buy the first symbol; they disagree on the second, and sell the third. */
const MIXED = [named('a', leaning('BUY', 'BUY', 'SELL')), named('b', leaning('BUY', 'SELL', 'SELL'))];

describe('a run', () => {
  it('decides every symbol for the bar that closed, keeps the signals and a record of it', async () => {
    const { run, signals, read, ensemble } = world({ members: MIXED });
    const outcome = await run();
    expect(outcome.signals.map(({ symbol, action }) => [symbol, action])).toEqual([
      ['AUSDT', 'BUY'],
      ['BTCUSDT', 'HOLD'],
      ['CUSDT', 'SELL'],
    ]);
    expect(await signals.ofBar(BAR)).toEqual(outcome.signals);
    const [bought, held, sold] = outcome.signals as [Signal, Signal, Signal];
    expect(bought).toMatchObject({
      barOpenTimeMs: BAR,
      close: series.AUSDT!.close[REQUEST_BARS - 1],
      codeVersion: 'v7',
      betaToBitcoin: betaToBitcoin(series.AUSDT!, series.BTCUSDT!, BAR),
    });
    expect(outcome.run).toEqual({
      ...{ barOpenTimeMs: BAR, shard: 1, shardCount: 2, startedAtMs: CLOSE_MS + 4_000 },
      ...{ ensembleId: ensemble.loaded.ensemble.id, featureSetHash: FEATURE_SET_HASH, codeVersion: 'v7' },
      ...{ symbols: 3, written: 3, alreadyDecided: 0, unwritten: [] },
      actions: { SELL: 1, HOLD: 1, BUY: 1 },
      abstentions: [],
      candleWindows: { newest: 0, whole: 3, proven: 0, differing: [], revised: [] },
      ...{ quarantined: [], servedModels: 2 },
      meanConsensus: (bought.consensusFraction + held.consensusFraction + sold.consensusFraction) / 3,
      // Of what acts alone.
      meanConfidence: (bought.confidence + sold.confidence) / 2,
      residentBytes: 123,
      timingsMs: { models: 0, fetch: 0, features: 0, inference: 0, store: 0, total: 0 },
    });
    expect(held.confidence).not.toBe(bought.confidence);
    expect(await signals.lastRuns({ shard: 1, shardCount: 2, count: 2 })).toEqual([outcome.run]);
    // Bitcoin once for all.
    expect(read.toSorted()).toEqual(SYMBOLS.map((symbol) => `${symbol} ${BAR}`));
    expect(ensemble.uses.released).toBe(1);
  });

  it('has no means without signals', async () => {
    const { run } = world();
    expect((await run({ symbols: [] })).run).toMatchObject({
      ...{ symbols: 0, written: 0, meanConsensus: null, meanConfidence: null },
    });
  });

  it('tells how long each part took', async () => {
    let ms = 0;
    const { run } = world({ stopwatchMs: () => ms++ });
    const { timingsMs } = (await run()).run;
    for (const part of ['models', 'fetch', 'inference', 'store', 'total'] as const)
      expect(timingsMs[part], part).toBeGreaterThan(0);
    // One reading of the clock before and one after the features of each of three symbols.
    expect(timingsMs.features).toBe(3);
    expect(timingsMs.total).toBe(ms - 1);
  });

  it('of a bar that is decided already writes nothing anew', async () => {
    const { run, signals } = world();
    const first = await run();
    expect((await run()).run).toMatchObject({ written: 0, alreadyDecided: 3, unwritten: [] });
    expect(await signals.ofBar(BAR)).toEqual(first.signals);
  });

  it('of a bar that is decided already leaves it decided, though the exchange is out by then', async () => {
    const outage = async (): Promise<Reading> => failure(errorOf('network'));
    let isOut = false;
    const readings = Object.fromEntries(
      SYMBOLS.map((symbol) => [symbol, async () => (isOut ? outage() : success(whole(series[symbol]!)))]),
    );
    const { run, signals } = world({ readings });
    const first = await run();
    isOut = true;
    expect((await run()).run).toMatchObject({ written: 0, alreadyDecided: 0 });
    expect(await signals.runsOfBar(BAR)).toEqual([first.run]);
  });

  it('names the signals that could not be stored, and keeps the others', async () => {
    const signals = createMemorySignalStore();
    const put = async (signal: Signal) => {
      if (signal.symbol === 'BTCUSDT') throw new Error('throttled');
      return signals.put(signal);
    };
    const { run } = world({ signals: { ...signals, put } });
    expect((await run()).run).toMatchObject({
      written: 2,
      alreadyDecided: 0,
      unwritten: [{ symbol: 'BTCUSDT', message: 'throttled' }],
    });
  });

  it('counts the models that serve', async () => {
    const { run } = world({ members: [servedBy('a'), servedBy('b'), servedBy('f', { fails: true })] });
    const { servedModels, quarantined } = (await run()).run;
    expect([servedModels, quarantined.map(({ model }) => model)]).toEqual([2, ['f']]);
  });
});

describe('what ends a run', () => {
  it('is passed on, and the ensemble is released', async () => {
    const unknown = world();
    await expect(unknown.run({ symbols: Promise.reject(new Error('no universe')) })).rejects.toThrow(
      'no universe',
    );
    expect(unknown.ensemble.uses.released).toBe(1);
    const signals = createMemorySignalStore();
    const putRun = () => Promise.reject(new Error('no table'));
    const unstored = world({ signals: { ...signals, putRun } });
    await expect(unstored.run()).rejects.toThrow('no table');
    expect(unstored.ensemble.uses.released).toBe(1);
  });

  it('is not noticed late: symbols that are refused while the models load end nothing else', async () => {
    const { loaded } = served(servedBy('a'));
    const slow = world({
      ensembles: {
        current: async () => {
          await new Promise((resolve) => setImmediate(resolve));
          return success({ ...loaded, shadow: undefined });
        },
        close: async () => undefined,
      },
    });
    await expect(slow.run({ symbols: Promise.reject(new Error('no universe')) })).rejects.toThrow(
      'no universe',
    );
  });
});

describe('the margin after a close', () => {
  it.each([
    [0, [CLOSE_MARGIN_MS]],
    [500, [CLOSE_MARGIN_MS - 500]],
    [CLOSE_MARGIN_MS, []],
    [60_000, []],
  ])('%i ms after it waits %j ms', async (sinceCloseMs, expected) => {
    const waits: number[] = [];
    const { run } = world({
      market: { serverTimeMs: async () => success(CLOSE_MS + sinceCloseMs) },
      sleep: async (durationMs) => void waits.push(durationMs),
    });
    expect((await run()).run.barOpenTimeMs).toBe(BAR);
    expect(waits).toEqual(expected);
  });
});

it('does not wait where nothing waits', async () => {
  const { run } = world({ market: { serverTimeMs: async () => success(CLOSE_MS) } });
  expect((await run()).run.written).toBe(3);
});

it("measures stops by the ensemble's timeframe", async () => {
  const { loaded } = served(servedBy('a'), servedBy('b'));
  const hourly = { ...loaded.ensemble, stopAtrTimeframe: '1h' as const };
  const { run } = world({
    ensembles: {
      current: async () => success({ ...loaded, ensemble: hourly, shadow: undefined }),
      close: async () => undefined,
    },
  });
  for (const { symbol, stopAtr, atr } of (await run()).signals) {
    expect(stopAtr).toBe(newestTimeframeAtr(fillGaps(series[symbol]!), STOP_TIMEFRAMES['1h']));
    expect(stopAtr).not.toBe(atr);
  }
});

describe('what keeps every symbol from a row', () => {
  it('is an exchange that does not tell its time', async () => {
    const { run, read, ensemble } = world({
      market: { serverTimeMs: async () => failure(errorOf('timeout')) },
    });
    const outcome = await run();
    expect(outcome.signals).toEqual([]);
    expect(outcome.run).toMatchObject({ ensembleId: ensemble.loaded.ensemble.id, servedModels: 2 });
    expect(outcome.run.abstentions).toEqual(
      SYMBOLS.map((symbol) => ({
        ...{ symbol, barOpenTimeMs: BAR, abstained: 'exchange_unavailable', message: 'says timeout' },
      })),
    );
    expect(read).toEqual([]);
  });

  it('is an ensemble that cannot be read', async () => {
    const { run, read } = world({
      ensembles: {
        current: async () => failure({ code: 'ensemble_missing', message: 'no such key' }),
        close: async () => undefined,
      },
    });
    const { signals, run: record } = await run({ symbols: ['AUSDT'] });
    expect(signals).toEqual([]);
    expect(record).toMatchObject({ ensembleId: null, servedModels: 0, quarantined: [], written: 0 });
    expect(record).not.toHaveProperty('shadow');
    expect(record.abstentions).toEqual([
      { symbol: 'AUSDT', barOpenTimeMs: BAR, abstained: 'no_ensemble', message: 'no such key' },
    ]);
    expect(read).toEqual([]);
  });
});

describe('what keeps one symbol from a row', () => {
  it.each<[MarketDataErrorCode, string]>([
    ['unknown_symbol', 'not_listed'],
    ['invalid_candle', 'invalid_candle'],
    ['invalid_response', 'invalid_candle'],
    ['timeout', 'exchange_unavailable'],
    ['rate_limited', 'exchange_unavailable'],
  ])('an answer of %s is %s', async (code, abstained) => {
    const { run } = world({ readings: { AUSDT: async () => failure(errorOf(code)) } });
    const { signals, run: record } = await run();
    expect(record.abstentions).toEqual([
      { symbol: 'AUSDT', barOpenTimeMs: BAR, abstained, message: `says ${code}` },
    ]);
    expect(record.candleWindows.whole).toBe(2);
    expect(signals.map(({ symbol }) => symbol)).toEqual(['BTCUSDT', 'CUSDT']);
  });

  it('is a check that throws, or candles that are too few or too old', async () => {
    const a = series.AUSDT!;
    const { run } = world({
      readings: {
        AUSDT: () => Promise.reject(new Error('a bug\nof ours')),
        BTCUSDT: async () => success(whole(sliceSeries(series.BTCUSDT!, 900, REQUEST_BARS))),
        CUSDT: async () => success(whole(sliceSeries(a, 0, REQUEST_BARS - 1))),
      },
    });
    const { run: record } = await run();
    expect(record.abstentions.map(({ symbol, abstained }) => [symbol, abstained])).toEqual([
      ['AUSDT', 'internal_error'],
      ['BTCUSDT', 'insufficient_history'],
      ['CUSDT', 'stale'],
    ]);
    expect(record.abstentions[0]?.message).toBe('a bug of ours');
  });
});

describe('the windows of a run', () => {
  it('are counted by how they were read', async () => {
    const reading = (candles: CandleSeries, over: Partial<WindowReading>) => async () =>
      success({ ...whole(candles), ...over });
    const { run } = world({
      readings: {
        AUSDT: reading(series.AUSDT!, { source: 'newest', isRevised: true, isProven: true }),
        BTCUSDT: reading(series.BTCUSDT!, { isProven: true }),
        CUSDT: reading(series.CUSDT!, { isProven: false }),
      },
    });
    expect((await run()).run.candleWindows).toEqual({
      ...{ newest: 1, whole: 2, proven: 2, differing: ['CUSDT'], revised: ['AUSDT'] },
    });
  });

  it.each([0, 1])(
    'are long enough for a sequence with all of 96 rows, %i too few have none',
    async (lacking) => {
      const bars = ROW_WINDOW_BARS + SEQUENCE_STEPS - 1 - lacking;
      const { run } = world({
        members: [servedBy('a'), servedBy('s', { input: SEQUENCE })],
        readings: {
          AUSDT: async () => success(whole(sliceSeries(series.AUSDT!, REQUEST_BARS - bars, REQUEST_BARS))),
        },
      });
      const { signals } = await run({ symbols: ['AUSDT'] });
      expect(signals[0]?.activeModels).toBe(lacking === 0 ? 2 : 1);
    },
  );
});

describe("Bitcoin's window", () => {
  it.each<[string, () => Promise<Reading>]>([
    ['cannot be read', async () => failure(errorOf('timeout'))],
    ['ends in an error', () => Promise.reject(new Error('a bug'))],
  ])('that %s leaves betas unknown, and nothing else', async (_name, reading) => {
    const { run, read } = world({ readings: { BTCUSDT: reading } });
    const { signals } = await run({ symbols: ['AUSDT', 'CUSDT'] });
    expect(signals.map(({ symbol, betaToBitcoin: beta }) => [symbol, beta])).toEqual([
      ['AUSDT', null],
      ['CUSDT', null],
    ]);
    expect(signals.every(({ action }) => action !== 'HOLD')).toBe(true);
    expect(read).toContain(`BTCUSDT ${BAR}`);
  });

  it('is read where Bitcoin is not decided', async () => {
    const { run } = world();
    const { signals, run: record } = await run({ symbols: ['AUSDT'] });
    expect(signals[0]?.betaToBitcoin).toBe(betaToBitcoin(series.AUSDT!, series.BTCUSDT!, BAR));
    expect(record).toMatchObject({ symbols: 1, candleWindows: { whole: 1 } });
  });
});

describe('a shadow', () => {
  const shadowOf = (
    members: readonly LoadedMember[],
    records = createMemoryObjectStore({ versioned: true }),
  ) => {
    const champion = served(...MIXED);
    const shadow = served(...members);
    const { run, signals } = world({
      ensembles: {
        current: async () =>
          success({
            ...champion.loaded,
            shadow: { ensembleId: 'e9', loaded: success(shadow.loaded) },
          }),
        close: async () => undefined,
      },
      shadowRecords: records,
    });
    return { run, signals, records };
  };

  it('is compared action by action, and kept once, by bar and shard', async () => {
    // It buys the second symbol too, which the others do not agree on.
    const buysAll = leaning('BUY', 'BUY', 'SELL');
    const { run, records } = shadowOf([named('a', buysAll), named('b', buysAll)]);
    const { signals, run: record } = await run();
    expect(record.shadow).toEqual({
      ...{ ensembleId: 'e9', failed: null, signals: 3, agreement: 2 / 3, quarantined: [] },
    });
    const key = `shadow/e9/${BAR}-1-of-2.json`;
    const kept = JSON.parse(Buffer.from((await records.get(key))!.body).toString());
    expect(kept).toMatchObject({
      ...{ schemaVersion: 1, barOpenTimeMs: BAR, shard: 1, shardCount: 2 },
      championEnsembleId: signals[0]!.ensembleId,
      signals: [{ action: 'BUY' }, { action: 'BUY' }, { action: 'SELL' }],
    });
    const before = await records.head(key);
    await run();
    expect(await records.head(key)).toEqual(before);
  });

  it('has nothing to agree on without symbols, and says so', async () => {
    const { run, records } = shadowOf([servedBy('a')]);
    expect((await run({ symbols: [] })).run.shadow).toMatchObject({ signals: 0, agreement: null });
    const kept = JSON.parse(
      Buffer.from((await records.get(`shadow/e9/${BAR}-1-of-2.json`))!.body).toString(),
    );
    expect(kept).toMatchObject({ championEnsembleId: null, signals: [] });
  });

  it('that is not loaded, or not kept, is told and ends nothing', async () => {
    const champion = served(...MIXED);
    const lost = failure({ code: 'ensemble_missing' as const, message: 'no such key' });
    const refused = {
      ...createMemoryObjectStore({ versioned: true }),
      put: () => Promise.reject(new Error('403')),
    };
    const shadowRun = async (
      loaded: typeof lost | ReturnType<typeof success<typeof champion.loaded>>,
      records?: ObjectStore,
    ) => {
      const { run } = world({
        ensembles: {
          current: async () => success({ ...champion.loaded, shadow: { ensembleId: 'e9', loaded } }),
          close: async () => undefined,
        },
        shadowRecords: records,
      });
      return (await run()).run.shadow;
    };
    const nothing = { ensembleId: 'e9', signals: 0, agreement: null, quarantined: [] };
    expect(await shadowRun(lost)).toEqual({ ...nothing, failed: 'ensemble_missing: no such key' });
    expect(await shadowRun(success(champion.loaded), refused)).toEqual({ ...nothing, failed: '403' });
    expect(await shadowRun(success(champion.loaded))).toEqual({
      ...{ ensembleId: 'e9', failed: null, signals: 3, agreement: 1, quarantined: [] },
    });
  });
});
