// What a backtest may be told: each setting does what it says, and none given changes nothing.
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { openCandleFolder } from '../../lib/adapters/files/candle-folder.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import type { CandleSeries } from '../../lib/market/candle-series.ts';
import {
  applySettings,
  type BacktestSettings,
  describeSettings,
  parseSetting,
  releasedSettings,
  type SettingName,
} from '../../lib/research/backtest-settings.ts';
import type { BacktestReport } from '../../lib/research/use-cases/backtest-report.ts';
import { FLAGS } from '../../lib/risk/flags.ts';
import { answersOf, ENSEMBLE, replay, type Wish } from '../support/trading/past.ts';

const SAMPLE = fileURLToPath(new URL('../../samples/crash-2024-08-05', import.meta.url));
const FROM_MS = Date.UTC(2024, 7, 5, 0, 5);
const TO_MS = Date.UTC(2024, 7, 5, 9);
const SYMBOLS = ['BTCUSDT', 'DOGEUSDT', 'SOLUSDT'];
/** Of the report below as it was before there were settings. */
const AS_RELEASED = '2aacd6dff68990f5b6b700941dfbc01f8c4116767b5f027ea708f84859d1f900';

let recorded: ReadonlyMap<string, CandleSeries>;
beforeAll(async () => {
  const folder = await openCandleFolder(SAMPLE);
  if (!folder.ok) throw new Error(folder.error);
  const series = new Map<string, CandleSeries>();
  for (const symbol of SYMBOLS) {
    const candles = await folder.value.read(symbol);
    if (!candles.ok) throw new Error(candles.error);
    series.set(symbol, candles.value);
  }
  recorded = series;
});

const WISHES: Readonly<Record<number, Wish>> = { 0: 'SELL', 1: 'BUY', 2: 'BUY', 8: 'SELL' };
/** Wishes that look random and follow from the numbers alone. */
const wishAt = (bar: number, symbol: number): Wish | undefined => WISHES[(bar * 7 + symbol * 13) % 17];

function trade(
  settings?: Partial<BacktestSettings>,
  more: { answered?: boolean } = {},
): Promise<BacktestReport> {
  const past = [...recorded].map(([symbol, candles], index) => {
    const wishes = Object.fromEntries(
      Array.from({ length: 300 }, (_, bar) => [bar, wishAt(bar, index)] as const).flatMap(([bar, wish]) =>
        wish === undefined || more.answered === false ? [] : [[bar, wish]],
      ),
    );
    const answers = answersOf(symbol, candles, wishes, FROM_MS);
    return [
      symbol,
      {
        candles,
        predictions: {
          ...answers,
          atr: answers.close.map((close) => close / 250),
          stopAtr: answers.close.map((close) => close / 250),
        },
      },
    ] as const;
  });
  return replay(Object.fromEntries(past), { fromMs: FROM_MS, toMs: TO_MS, ...(settings && { settings }) });
}

describe('without settings', () => {
  test('a recorded range gives what it gave before there were any, to the byte', async () => {
    const report = await trade();
    expect(report.trades.length).toBeGreaterThan(20);
    const { settings, releasedSettings: _, signals, whyNoTrade, sides, benchmarks, ...rest } = report;
    const { sharpeInterval, dailyReturnInterval, ...summary } = rest.summary;
    const text = JSON.stringify({ ...rest, summary });
    expect(createHash('sha256').update(text).digest('hex')).toBe(AS_RELEASED);
  });

  test('saying what is released changes no byte either', async () => {
    const report = await trade();
    expect(JSON.stringify(await trade(releasedSettings(ENSEMBLE)))).toBe(JSON.stringify(report));
    expect(describeSettings(report.settings, report.releasedSettings)).toBe('');
  });
});

/** Other fees make other sizes, and those other roundings of a price. */
const price = (exact: number | null) => exact?.toPrecision(9);

const shapeOf = ({ trades }: BacktestReport) =>
  trades.map(({ symbol, side, openedAtMs, closedAtMs, entryPrice, exitPrice, reason }) => ({
    ...{ symbol, side, openedAtMs, closedAtMs, reason },
    prices: [price(entryPrice), price(exitPrice)],
  }));

describe('costs', () => {
  test('higher fees make the same trades, and none of them earns more', async () => {
    const free = await trade({ feeBps: 0 });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 100 }),
        async (low, more) => {
          const [cheap, dear] = [await trade({ feeBps: low }), await trade({ feeBps: low + more })];
          expect(shapeOf(cheap)).toEqual(shapeOf(free));
          expect(shapeOf(dear)).toEqual(shapeOf(free));
          dear.trades.forEach(({ profitBps }, index) => {
            expect(profitBps).toBeLessThan(cheap.trades[index]!.profitBps);
          });
          expect(dear.bookedLedger.equityUsdt).toBeLessThan(cheap.bookedLedger.equityUsdt);
        },
      ),
      { numRuns: 2 },
    );
  });

  test('slippage worsens both prices, and funding is paid by longs', async () => {
    const [smooth, rough] = [await trade({ slippageBps: 0 }), await trade({ slippageBps: 50 })];
    expect(rough.summary.totalReturn!).toBeLessThan(smooth.summary.totalReturn!);
    const [first, same] = [smooth.trades[0]!, rough.trades[0]!];
    expect(same.entryPrice / first.entryPrice - 1).toBeCloseTo(first.side === 'BUY' ? 0.005 : -0.005, 9);
    const longOnly = { longOnly: true };
    const paid = (await trade({ ...longOnly, fundingBpsPer8h: 10 })).bookedLedger.fundingUsdt;
    expect(paid).toBeLessThan(0);
    expect((await trade({ ...longOnly, fundingBpsPer8h: -10 })).bookedLedger.fundingUsdt).toBeCloseTo(
      -paid,
      2,
    );
    expect((await trade({ ...longOnly, fundingBpsPer8h: 0 })).bookedLedger.fundingUsdt).toBe(0);
  });
});

describe('decisions and sizes', () => {
  test('long-only opens no short, and SELL still closes longs', async () => {
    const report = await trade({ longOnly: true });
    expect(report.sides.map(({ side }) => side)).toEqual(['BUY']);
    expect(report.exitReasons.map(({ reason }) => reason)).toContain('signal');
    expect((await trade()).sides.map(({ side }) => side).sort()).toEqual(['BUY', 'SELL']);
  });

  test('a wider stop is hit less often', async () => {
    const stopped = ({ trades }: BacktestReport) => trades.filter(({ reason }) => reason === 'stop').length;
    const [tight, released, wide] = [0.5, 1.2, 100].map((stopAtrMultiple) => trade({ stopAtrMultiple }));
    expect(stopped(await tight!)).toBeGreaterThan(stopped(await released!));
    expect(stopped(await released!)).toBeGreaterThan(0);
    expect(stopped(await wide!)).toBe(0);
  });

  test('positions, capital and sizes are those of the limits', async () => {
    const openAtOnce = ({ trades }: BacktestReport) =>
      Math.max(
        ...trades.map(
          ({ openedAtMs }) =>
            trades.filter((of) => of.openedAtMs <= openedAtMs && of.closedAtMs > openedAtMs).length,
        ),
      );
    expect(openAtOnce(await trade())).toBeGreaterThan(1);
    expect(openAtOnce(await trade({ positionsMax: 1 }))).toBe(1);
    const largest = ({ trades }: BacktestReport) =>
      Math.max(...trades.map(({ quantity, entryPrice }) => quantity * entryPrice));
    expect(largest(await trade({ targetDailyVolatility: 1 }))).toBeCloseTo(1_000, -2);
    expect(largest(await trade({ targetDailyVolatility: 1, capitalFraction: 0.5 }))).toBeCloseTo(500, -2);
    expect(largest(await trade({ targetDailyVolatility: 1, positionFractionMax: 0.02 }))).toBeCloseTo(
      200,
      -1,
    );
  });

  test('where nothing is traded, it says why, with counts', async () => {
    const bars = (SYMBOLS.length * (TO_MS - FROM_MS)) / BAR_MS;
    const idle = await trade({ edgeThresholdBps: 9_999 });
    expect(idle.signals.actions).toEqual({ BUY: 0, SELL: 0, HOLD: bars });
    expect(idle.whyNoTrade).toContain(`all ${bars} decisions were HOLD: edge_below_threshold ${bars}`);
    const held = await trade({}, { answered: false });
    expect(held.whyNoTrade).toMatch(/^all \d+ decisions were HOLD: edge_below_threshold/);
    const closed = await trade({ capitalFraction: 0 });
    expect(closed.whyNoTrade).toMatch(/^none of \d+ BUY and SELL signals became a position: size_zero \d+/);
    expect((await trade()).whyNoTrade).toBeUndefined();
  });
});

test('the benchmark agrees with the market change of the summary', async () => {
  const { benchmarks, summary, equity } = await trade();
  expect(benchmarks.map(({ name }) => name)).toEqual(['bitcoin', 'equal parts']);
  for (const { equityUsdt } of benchmarks) {
    expect(equityUsdt).toHaveLength(equity.timeMs.length);
    expect(equityUsdt[0]).toBe(10_000);
  }
  expect(benchmarks[1]!.equityUsdt.at(-1)! / 10_000 - 1).toBeCloseTo(summary.marketChange!, 5);
  const bitcoin = recorded.get('BTCUSDT')!;
  const at = (ms: number) => bitcoin.openTimeMs.indexOf(ms);
  expect(benchmarks[0]!.equityUsdt.at(-1)! / 10_000).toBeCloseTo(
    bitcoin.close[at(TO_MS - BAR_MS)]! / bitcoin.open[at(FROM_MS)]!,
    5,
  );
});

describe('a text', () => {
  test.each<[SettingName, string, RegExp]>([
    ['feeBps', '-1', /^fee-bps must be a number from 0 to 1000, not "-1"$/],
    ['feeBps', 'NaN', /must be a number/],
    ['feeBps', '1e3', /must be a number/],
    ['feeBps', '', /must be a number/],
    ['positionsMax', '2.5', /^positions must be a whole number from 0 to 100/],
    ['positionsMax', '101', /from 0 to 100/],
    ['capitalFraction', '1.1', /from 0 to 1/],
    ['capitalFraction', '0.1234567', /must be a number/],
    ['stopAtrMultiple', '0', /from 0.01/],
    ['longOnly', 'yes', /^long-only must be true or false, not "yes"$/],
  ])('of %s that is %j is refused', (name, text, why) => {
    const parsed = parseSetting(name, text);
    expect(parsed.ok ? '' : parsed.error).toMatch(why);
  });

  test('of every allowed capital fraction becomes a flag that the gate accepts', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000 }), (millionths) => {
        const capitalFraction = parseSetting('capitalFraction', (millionths / 1e6).toFixed(6));
        if (!capitalFraction.ok) throw new Error(capitalFraction.error);
        const settings = { ...releasedSettings(ENSEMBLE), capitalFraction: capitalFraction.value as number };
        const { flags } = applySettings(settings, ENSEMBLE);
        const { pattern } = FLAGS.QT_MAX_CAPITAL_ALLOCATION;
        expect(flags.QT_MAX_CAPITAL_ALLOCATION).toMatch(new RegExp(pattern));
        expect(Number(flags.QT_MAX_CAPITAL_ALLOCATION)).toBe(capitalFraction.value);
      }),
    );
  });
});
