// The collector on the simulated exchange: its archive files, its API, and every way in which they have been seen to fail.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBinanceArchive } from '../../lib/adapters/binance/market/binance-archive.ts';
import { createCcxtMarketData } from '../../lib/adapters/binance/market/ccxt-market-data.ts';
import { RequestBudget } from '../../lib/adapters/binance/request-budget.ts';
import { openCandleFolder } from '../../lib/adapters/files/candle-folder.ts';
import { candleParquet } from '../../lib/adapters/files/candle-parquet.ts';
import { createFolderObjectStore } from '../../lib/adapters/files/folder-object-store.ts';
import type { ObjectStore } from '../../lib/core/ports.ts';
import { DAY_MS } from '../../lib/core/units.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import {
  type CandleSeries,
  candleAt,
  countUntil,
  seriesFromCandles,
  sliceSeries,
} from '../../lib/market/candle-series.ts';
import { type CollectionReport, collectCandles } from '../../lib/market/use-cases/collect-candles.ts';
import type { FaultRequest } from '../../local/exchange/faults.ts';
import { type SimulatedExchange, startSimulatedExchange } from '../../local/exchange/simulated-exchange.ts';
import { generateMarket } from '../../local/market/generated-market.ts';
import { type MarketSource, marketOf } from '../../local/market/market-source.ts';

const FROM_MS = Date.UTC(2024, 10, 20);
const BARS = 60 * 288;
/** 12:02 on 2025-01-14: two months to collect whole, one that has begun, and spot files in microseconds. */
const NOW_MS = Date.UTC(2025, 0, 14, 12, 2);
const DAYS = 40;

const generated = generateMarket({ seed: 11, symbols: 3, fromMs: FROM_MS, bars: BARS });
const [STEADY, GAPPED, LISTED] = generated.symbols as [string, string, string];
const GAP_FROM_MS = Date.UTC(2024, 11, 24, 3);
const GAP_BARS = 15;
const LISTED_MS = Date.UTC(2025, 0, 3, 7, 35);

function without(series: CandleSeries, isLeftOut: (openTimeMs: number) => boolean): CandleSeries {
  const candles = Array.from({ length: series.length }, (_, index) => candleAt(series, index));
  const kept = seriesFromCandles(candles.filter(({ openTimeMs }) => !isLeftOut(openTimeMs)));
  if (!kept.ok) throw new Error(kept.error.problem);
  return kept.value;
}

const market: MarketSource = marketOf(
  new Map([
    [STEADY, generated.candles(STEADY)],
    [
      GAPPED,
      without(generated.candles(GAPPED), (ms) => ms >= GAP_FROM_MS && ms < GAP_FROM_MS + GAP_BARS * BAR_MS),
    ],
    [LISTED, without(generated.candles(LISTED), (ms) => ms < LISTED_MS)],
  ]),
);

let folder: string;
let exchange: SimulatedExchange;
let nowMs: number;

beforeAll(async () => {
  // Its minute never ends: the limits have a test of their own.
  const rateLimits = { weightPerMinute: 1_000_000 };
  exchange = await startSimulatedExchange({ market, clock: { nowMs: () => nowMs }, rateLimits });
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-collect-'));
  nowMs = NOW_MS;
  exchange.faults.clear();
});

afterEach(() => rm(folder, { recursive: true }));
afterAll(() => exchange.close());

interface RunOptions {
  readonly symbols?: readonly string[];
  readonly days?: number;
  readonly objects?: Pick<ObjectStore, 'get' | 'put'>;
  readonly kind?: 'binanceusdm' | 'binance';
  readonly source?: string;
  readonly isTimeUp?: () => boolean;
}

/** Waits pass at once, and the collector's own clock with them. */
function callerOptions() {
  let waitedMs = 0;
  const sleep = async (durationMs: number) => {
    waitedMs += durationMs;
  };
  return { nowMs: () => Date.now() + waitedMs, sleep };
}

async function run(options: RunOptions = {}): Promise<CollectionReport> {
  const { symbols = market.symbols, days = DAYS, kind = 'binanceusdm', source = kind } = options;
  const patient = callerOptions();
  // Each run is a process of its own: it does not know of the bans of the ones before.
  const process = { ...patient, address: new RequestBudget(1e9) };
  const collected = await collectCandles(
    {
      market: createCcxtMarketData({ exchange: kind, baseUrl: exchange.url, ...process }),
      archive: createBinanceArchive({ exchange: kind, baseUrl: exchange.url, ...process }),
      objects: options.objects ?? createFolderObjectStore(folder),
      codec: candleParquet,
    },
    { symbols, days, source, isTimeUp: options.isTimeUp ?? (() => false), onProgress: () => {} },
  );
  if (!collected.ok) throw new Error(collected.error.message);
  return collected.value;
}

const inject = (...faults: FaultRequest[]) => {
  for (const fault of faults) exchange.faults.inject(fault);
};

/** What a folder must hold after a collection: the market's closed bars since `fromMs`. */
function expected(symbol: string, { fromMs = Date.UTC(2024, 11, 5), toMs = NOW_MS } = {}): CandleSeries {
  const series = market.candles(symbol);
  return sliceSeries(series, countUntil(series, fromMs - 1), countUntil(series, toMs - BAR_MS));
}

async function read(symbol: string): Promise<CandleSeries> {
  const opened = await openCandleFolder(folder);
  if (!opened.ok) throw new Error(opened.error);
  const series = await opened.value.read(symbol);
  if (!series.ok) throw new Error(series.error);
  return series.value;
}

async function expectAllCollected(): Promise<void> {
  for (const symbol of market.symbols) expect(await read(symbol)).toEqual(expected(symbol));
}

/** Bytes of every file below the folder. */
async function filesIn(root: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const bytes = await Promise.all(
    files.map(async (file) => [file.slice(root.length), (await readFile(file)).toString('base64')] as const),
  );
  return new Map(bytes.sort());
}

const ofSymbol = (report: CollectionReport, symbol: string) =>
  report.symbols.find((each) => each.symbol === symbol)!;
const outcomes = (report: CollectionReport) => report.symbols.map(({ outcome }) => outcome);

describe('a collection', () => {
  it('holds exactly what the exchange has, from archive files and the API together', async () => {
    const report = await run();
    expect(outcomes(report)).toEqual(['complete', 'complete', 'complete']);
    expect(report.archive).toMatchObject({ refused: 0 });
    expect(report.archive.used).toBeGreaterThan(30);
    expect(report.window).toEqual({ fromMs: Date.UTC(2024, 11, 5), toMs: Date.UTC(2025, 0, 14, 12) });
    await expectAllCollected();
    const files = await filesIn(folder);
    expect([...files.keys()]).toContain(`/candles/symbol=${STEADY}/month=2024-12.parquet`);
  });

  it('records what the exchange itself lacks, an outage and the time before a listing, and asks no more', async () => {
    const first = await run();
    expect(ofSymbol(first, GAPPED)).toMatchObject({ gaps: GAP_BARS, missing: 0 });
    const beforeListing = (LISTED_MS - Date.UTC(2024, 11, 5)) / BAR_MS;
    expect(ofSymbol(first, LISTED)).toMatchObject({ gaps: beforeListing, missing: 0 });
    inject({ kind: 'server_error', path: '/fapi/v1/klines' }, { kind: 'server_error', path: '/data/' });
    expect(outcomes(await run())).toEqual(['complete', 'complete', 'complete']);
  });

  it('adds only what is new, and a second run at the same time changes no byte', async () => {
    await run();
    const before = await filesIn(folder);
    const again = await run();
    expect(again.symbols.map(({ added }) => added)).toEqual([0, 0, 0]);
    expect(await filesIn(folder)).toEqual(before);
    nowMs = NOW_MS + 2 * DAY_MS;
    const later = await run();
    expect(later.symbols.map(({ added }) => added)).toEqual([576, 576, 576]);
    for (const symbol of market.symbols)
      expect(await read(symbol)).toEqual(expected(symbol, { toMs: nowMs }));
  });

  it('gives the same bytes whether bars came from files or from the API', async () => {
    await run();
    const fromFiles = await filesIn(folder);
    await rm(join(folder, 'candles'), { recursive: true });
    inject({ kind: 'refused', status: 404, path: '/data/' });
    const report = await run();
    expect(report.archive).toEqual({ used: 0, refused: 0, lastRefusal: undefined });
    expect(await filesIn(folder)).toEqual(fromFiles);
  });

  it('reads spot files: no line of names, and microseconds since 2025', async () => {
    const report = await run({ kind: 'binance' });
    expect(report.archive).toMatchObject({ refused: 0 });
    expect(report.archive.used).toBeGreaterThan(30);
    await expectAllCollected();
  });

  it('takes a month that is not published yet from the days, and the days from the API', async () => {
    nowMs = Date.UTC(2025, 0, 2, 5);
    const report = await run({ symbols: [STEADY], days: 20 });
    expect(report.archive.used).toBe(19);
    expect(await read(STEADY)).toEqual(expected(STEADY, { fromMs: Date.UTC(2024, 11, 13), toMs: nowMs }));
  });

  it('leaves to the next run what the time does not suffice for', async () => {
    let asked = 0;
    const stopped = await run({ isTimeUp: () => ++asked > 5 });
    expect(outcomes(stopped)).toContain('postponed');
    await run();
    await expectAllCollected();
  });

  it('never mixes two exchanges', async () => {
    await run({ symbols: [STEADY] });
    const before = await filesIn(folder);
    const report = await run({ symbols: [STEADY], source: 'simulated' });
    expect(report.symbols[0]).toMatchObject({
      outcome: 'failed',
      message: expect.stringMatching(/not of simulated/),
    });
    expect(await filesIn(folder)).toEqual(before);
  });
});

describe('what goes wrong at the archive', () => {
  it.each<[string, FaultRequest]>([
    ['a zip that is not what its checksum says', { kind: 'corrupted', path: '/data/futures/um/monthly' }],
    ['a truncated file', { kind: 'truncated', path: '/data/' }],
    ['a web page', { kind: 'html', path: '/data/' }],
    ['a refusal', { kind: 'refused', status: 451, path: '/data/' }],
    ['errors of the server', { kind: 'server_error', path: '/data/' }],
    ['connections torn down', { kind: 'reset', path: '/data/' }],
  ])('%s is refused, and its bars come from the API', async (_, fault) => {
    inject(fault);
    const report = await run();
    expect(outcomes(report)).toEqual(['complete', 'complete', 'complete']);
    expect(report.archive.refused).toBeGreaterThan(0);
    expect(report.archive.lastRefusal).toEqual(expect.any(String));
    await expectAllCollected();
  });

  it('a file that is damaged once is asked for again and used', async () => {
    inject({ kind: 'corrupted', path: '/data/futures/um/monthly', count: 1 });
    const report = await run({ symbols: [STEADY] });
    expect(report.archive.refused).toBe(0);
    expect(await read(STEADY)).toEqual(expected(STEADY));
  });
});

describe('what goes wrong at the exchange', () => {
  const noArchive: FaultRequest = { kind: 'refused', status: 404, path: '/data/' };

  it.each<[string, FaultRequest]>([
    ['a web page', { kind: 'html', path: '/fapi/v1/klines' }],
    ['nothing but empty lists', { kind: 'empty', path: '/fapi/v1/klines' }],
    ['nulls', { kind: 'nulls', path: '/fapi/v1/klines' }],
    ['an invalid candle', { kind: 'malformed', how: 'high_below_low', path: '/fapi/v1/klines' }],
    ['a ban', { kind: 'banned', path: '/fapi/v1/klines' }],
  ])(
    '%s leaves the symbols behind, with nothing made up, and the next run completes them',
    async (_, fault) => {
      inject(noArchive, fault);
      const report = await run();
      expect(outcomes(report)).toEqual(['lagging', 'lagging', 'lagging']);
      expect(report.symbols.map(({ added, gaps }) => [added, gaps])).toEqual([
        [0, 0],
        [0, 0],
        [0, 0],
      ]);
      exchange.faults.clear();
      await run();
      await expectAllCollected();
    },
  );

  it('an empty answer in between is no proof that bars are lacking', async () => {
    inject(noArchive, { kind: 'empty', path: '/fapi/v1/klines', probability: 0.4 });
    await run();
    exchange.faults.clear();
    const report = await run();
    expect(outcomes(report)).toEqual(['complete', 'complete', 'complete']);
    await expectAllCollected();
  });

  it('a limit that is reached is waited for', async () => {
    inject(noArchive, { kind: 'rate_limited', retryAfterSeconds: 5, path: '/fapi/v1/klines', count: 2 });
    expect(outcomes(await run({ symbols: [STEADY] }))).toEqual(['complete']);
    expect(await read(STEADY)).toEqual(expected(STEADY));
  });
});

it('asks no faster than the exchange allows', async () => {
  const strict = await startSimulatedExchange({
    market,
    clock: { nowMs: () => nowMs },
    rateLimits: { weightPerMinute: 100, refusalsBeforeBan: 0 },
  });
  try {
    strict.faults.inject({ kind: 'refused', status: 404, path: '/data/' });
    const waits: number[] = [];
    const sleep = async (durationMs: number) => {
      waits.push(durationMs);
      nowMs += durationMs;
    };
    const at = { exchange: 'binanceusdm', baseUrl: strict.url, nowMs: () => nowMs, sleep } as const;
    const collected = await collectCandles(
      {
        market: createCcxtMarketData({ ...at, weightPerMinute: 100, deadlineMs: 600_000 }),
        archive: createBinanceArchive(at),
        objects: createFolderObjectStore(folder),
        codec: candleParquet,
      },
      { symbols: market.symbols, days: DAYS, source: 'x', isTimeUp: () => false, onProgress: () => {} },
    );
    // One refusal would be a ban, and a ban would leave symbols behind.
    expect(collected.ok && outcomes(collected.value)).toEqual(['complete', 'complete', 'complete']);
    expect(waits.length).toBeGreaterThan(0);
  } finally {
    await strict.close();
  }
});

describe('a run that is killed', () => {
  class Killed extends Error {}

  /** Dies at the n-th write, before or after it took effect. */
  function dyingStore(writes: number, when: 'before' | 'after'): Pick<ObjectStore, 'get' | 'put'> {
    const store = createFolderObjectStore(folder);
    let left = writes;
    return {
      get: store.get,
      async put(...args) {
        left--;
        if (left < 0 || (left === 0 && when === 'before')) throw new Killed();
        const outcome = await store.put(...args);
        if (left === 0) throw new Killed();
        return outcome;
      },
    };
  }

  const fresh = { symbols: [GAPPED] };

  it('at any write leaves a folder that can be read, and the next run ends with the same bytes', async () => {
    nowMs = NOW_MS - DAY_MS;
    await run(fresh);
    const before = await filesIn(folder);
    const readable = [expected(GAPPED, { toMs: nowMs, fromMs: Date.UTC(2024, 11, 4) })];
    nowMs = NOW_MS;
    await run(fresh);
    const after = await filesIn(folder);
    readable.push(await read(GAPPED));

    for (let writes = 1; ; writes++) {
      let survived = 0;
      for (const when of ['before', 'after'] as const) {
        for (const [file, bytes] of before) await writeFile(folder + file, Buffer.from(bytes, 'base64'));
        const outcome = await run({ ...fresh, objects: dyingStore(writes, when) }).catch(
          (error: unknown) => error,
        );
        if (!(outcome instanceof Killed)) survived++;
        expect(readable).toContainEqual(await read(GAPPED));
        await run(fresh);
        expect(await filesIn(folder)).toEqual(after);
      }
      if (survived === 2) break;
      expect(writes).toBeLessThan(20);
    }
  });

  it('at its first writes leaves nothing that is taken for candles', async () => {
    for (const writes of [1, 2, 3, 4]) {
      await run({ ...fresh, objects: dyingStore(writes, 'after') }).catch(() => undefined);
      const series = await read(GAPPED);
      const whole = expected(GAPPED);
      const start = countUntil(whole, (series.openTimeMs[0] ?? Number.POSITIVE_INFINITY) - 1);
      expect(series).toEqual(sliceSeries(whole, start, whole.length));
      await rm(join(folder, 'candles'), { recursive: true });
    }
  });
});

describe('a file that is damaged on disk', () => {
  const partition = () => join(folder, 'candles', `symbol=${STEADY}`, 'month=2024-12.parquet');
  const manifest = () => join(folder, 'candles', `symbol=${STEADY}`, 'manifest.json');

  async function flipByte(file: string): Promise<void> {
    const bytes = await readFile(file);
    const middle = Math.floor(bytes.length / 2);
    bytes[middle] = bytes[middle]! ^ 1;
    await writeFile(file, bytes);
  }

  it.each<[string, () => Promise<void>, RegExp]>([
    ['one bit of a month', () => flipByte(partition()), /2024-12\.parquet: its sha256 .*qtrader collect/],
    [
      'a month cut short',
      async () => writeFile(partition(), (await readFile(partition())).subarray(0, 500)),
      /sha256/,
    ],
    ['a month gone', () => rm(partition()), /2024-12\.parquet: the file is missing/],
    [
      'a manifest that is no JSON',
      () => writeFile(manifest(), '{'),
      /manifest\.json: the manifest is not JSON/,
    ],
    ['a manifest gone', () => rm(manifest()), /there is no manifest/],
  ])('%s: refused by readers with what to do, and made good by the next run', async (_, damage, message) => {
    await run({ symbols: [STEADY] });
    const before = await filesIn(folder);
    await damage();
    await expect(read(STEADY)).rejects.toThrow(message);
    const report = await run({ symbols: [STEADY] });
    expect(outcomes(report)).toEqual(['complete']);
    expect(await filesIn(folder)).toEqual(before);
  });

  it('is not dropped while its bars cannot be had', async () => {
    await run({ symbols: [STEADY] });
    await flipByte(partition());
    inject({ kind: 'server_error', path: '/data/' }, { kind: 'server_error', path: '/fapi/v1/klines' });
    const report = await run({ symbols: [STEADY] });
    expect(report.symbols[0]).toMatchObject({
      outcome: 'lagging',
      damaged: [expect.stringMatching(/^2024-12/)],
    });
    await expect(read(STEADY)).rejects.toThrow(/sha256/);
  });

  it('bars older than the window are made good too', async () => {
    await run({ symbols: [STEADY] });
    const before = await filesIn(folder);
    await flipByte(partition());
    await run({ symbols: [STEADY], days: 3 });
    expect(await filesIn(folder)).toEqual(before);
  });
});

describe('two runs at once', () => {
  it('end with what one would have given', async () => {
    const reports = await Promise.all([run(), run()]);
    for (const report of reports)
      for (const { outcome, message } of report.symbols)
        if (outcome !== 'complete') expect(message).toBe('another run is writing it');
    await run();
    await expectAllCollected();
  });
});
