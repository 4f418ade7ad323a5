// The quick replay against the use cases that trade: on recorded candles every order, fill, fee, trade, balance and equity snapshot is
// the same, to the last digit; where it cannot be, the use cases trade.
import { resolve } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openCandleFolder } from '../../lib/adapters/files/candle-folder.ts';
import { createMemoryRiskStore } from '../../lib/adapters/memory/memory-risk-store.ts';
import type { PaperOrder } from '../../lib/execution/paper/paper-account.ts';
import { executionRecords } from '../../lib/execution/use-cases/execution-records.ts';
import { type CandleSeries, countUntil } from '../../lib/market/candle-series.ts';
import type { BacktestSettings } from '../../lib/research/backtest-settings.ts';
import { allocatePredictions, type Predictions } from '../../lib/research/use-cases/predictions.ts';
import { replayColumns, replayPast, replayUseCases } from '../../lib/runtime/compose/research/backtest.ts';
import { replayInputOf } from '../support/trading/past.ts';

const SAMPLE = resolve(import.meta.dirname, '../../samples/crash-2024-08-05');
/** With two times of funding and a change of day. */
const FROM_MS = Date.UTC(2024, 7, 4, 22);
const TO_MS = Date.UTC(2024, 7, 5, 9);

const recorded = new Map<string, CandleSeries>();
beforeAll(async () => {
  const folder = await openCandleFolder(SAMPLE);
  if (!folder.ok) throw new Error(folder.error);
  for (const symbol of folder.value.symbols) {
    const candles = await folder.value.read(symbol);
    if (!candles.ok) throw new Error(candles.error);
    recorded.set(symbol, candles.value);
  }
});

/** Numbers that look random and follow from their place alone. */
const drawOf = (symbol: number, row: number): number => {
  let mixed = Math.imul(row + 1, 0x9e3779b1) ^ Math.imul(symbol + 1, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  return ((mixed ^ (mixed >>> 13)) >>> 0) / 2 ** 32;
};

/** Two models that agree now and then, disagree now and then, and sometimes say nothing; ATR as the candles have it. */
function answersTo(
  candles: CandleSeries,
  symbol: string,
  about: { index: number; acts: number; toMs: number },
): Predictions {
  const first = countUntil(candles, FROM_MS - 1);
  const rows = countUntil(candles, about.toMs - 1) - first;
  const answers = allocatePredictions(symbol, { rows, members: 2 });
  for (let row = 0; row < rows; row++) {
    const candle = first + row;
    const range = candles.high
      .slice(candle - 14, candle)
      .map((high, bar) => high - candles.low[candle - 14 + bar]!);
    answers.openTimeMs[row] = candles.openTimeMs[candle]!;
    answers.close[row] = candles.close[candle]!;
    answers.atr[row] = range.reduce((sum, of) => sum + of, 0) / 14;
    answers.stopAtr[row] = 3 * answers.atr[row]!;
    const draw = drawOf(about.index, row);
    const strength = 0.5 + 0.4 * drawOf(about.index, row + 100_000);
    const [sell, buy] = draw < about.acts / 2 ? [strength, 0.05] : [0.05, strength];
    const leans =
      draw < about.acts ? [sell, 1 - sell - buy, buy, buy - sell, 0.6] : [0.33, 0.33, 0.34, 0.01, 0.8];
    answers.answers.set([...leans, ...leans], row * 10);
    if (draw > 0.97) answers.abstentions[row * 2] = 13;
    else if (draw > 0.95) answers.answers.set([0.6, 0.2, 0.2, -0.4, 0.7], row * 10);
  }
  return answers;
}

const inputOf = async (
  acts: number,
  {
    series = recorded,
    toMs = TO_MS,
  }: { series?: ReadonlyMap<string, CandleSeries>; toMs?: number | undefined } = {},
) =>
  replayInputOf(
    Object.fromEntries(
      [...series].map(([symbol, candles], index) => [
        symbol,
        { candles, predictions: answersTo(candles, symbol, { index, acts, toMs }) },
      ]),
    ),
  );

const byId = (orders: readonly PaperOrder[]) =>
  orders.toSorted((a, b) => (a.clientOrderId < b.clientOrderId ? -1 : 1));

/** Both runs with every order of theirs. */
async function playBoth(
  input: Awaited<ReturnType<typeof inputOf>>,
  settings: Partial<BacktestSettings>,
  {
    depositUsdt = 10_000,
    toMs = TO_MS,
  }: { depositUsdt?: number | undefined; toMs?: number | undefined } = {},
) {
  const query = { fromMs: FROM_MS, toMs, depositUsdt, settings };
  const risk = createMemoryRiskStore();
  const byUseCases = await replayUseCases(query, input, risk);
  const records = executionRecords(risk);
  const ended = (await records.paperOrders.all('paper')).records.map(({ value }) => value);
  const account = (await records.paperAccount.get('paper'))!.value;
  const orders: PaperOrder[] = [];
  const quick = await replayColumns(query, input, (order) => orders.push(order));
  if (!quick.ok) throw new Error(quick.error);
  const all = new Map(
    [...ended, ...Object.values(account.orders)].map((order) => [order.clientOrderId, order]),
  );
  return { byUseCases, quick: quick.value, orders, expectedOrders: [...all.values()] };
}

describe('on recorded candles of a crash', () => {
  test.each<
    [string, { acts: number; trades: number; deposit?: number; toMs?: number }, Partial<BacktestSettings>]
  >([
    ['as released, many signals', { acts: 0.2, trades: 250 }, {}],
    ['every symbol at once', { acts: 0.6, trades: 500 }, { positionsMax: 20, positionFractionMax: 0.05 }],
    ['few signals', { acts: 0.004, trades: 3 }, {}],
    ['no shorts', { acts: 0.2, trades: 100 }, { longOnly: true }],
    ['stops in the next tick', { acts: 0.3, trades: 500 }, { stopAtrMultiple: 0.2, positionsMax: 30 }],
    [
      'thousands of trades: every symbol in nearly every bar',
      { acts: 0.95, trades: 2_000, toMs: Date.UTC(2024, 7, 5, 12) },
      { stopAtrMultiple: 0.05, positionsMax: 20, positionFractionMax: 0.02 },
    ],
    ['stops out of reach', { acts: 0.3, trades: 250 }, { stopAtrMultiple: 50, positionsMax: 15 }],
    [
      'dear funding, dear fills, half the capital',
      { acts: 0.1, trades: 80 },
      { fundingBpsPer8h: 40, feeBps: 9, slippageBps: 6, capitalFraction: 0.5, positionsMax: 8 },
    ],
    ['funding that is received', { acts: 0.1, trades: 80 }, { fundingBpsPer8h: -15, longOnly: true }],
    [
      'an account too small for most orders',
      { acts: 0.3, trades: 1, deposit: 60 },
      { positionFractionMax: 0.1 },
    ],
    [
      'a high threshold, large positions',
      { acts: 0.5, trades: 30 },
      { edgeThresholdBps: 40, positionFractionMax: 1 },
    ],
    ['a narrow book', { acts: 0.5, trades: 30 }, { sideFractionMax: 0.15, positionsMax: 20 }],
    ['hardly any net beta', { acts: 0.5, trades: 30 }, { netBetaFractionMax: 0.05, positionsMax: 20 }],
    ['no position allowed', { acts: 0.2, trades: 0 }, { positionsMax: 0 }],
    ['no capital allowed', { acts: 0.2, trades: 0 }, { capitalFraction: 0 }],
  ])(
    '%s',
    async (_, { acts, trades, deposit: depositUsdt, toMs }, settings) => {
      const { byUseCases, quick, orders, expectedOrders } = await playBoth(
        await inputOf(acts, { toMs }),
        settings,
        { depositUsdt, toMs },
      );
      expect(byUseCases.problems).toEqual([]);
      expect(quick.trades.length).toBeGreaterThanOrEqual(trades);
      expect(quick.signals).toEqual(byUseCases.signals);
      expect(quick.outcomes).toEqual(byUseCases.outcomes);
      expect(quick.trades).toEqual(byUseCases.trades);
      expect(quick.snapshots).toEqual(byUseCases.snapshots);
      expect(quick.ledger).toEqual(byUseCases.ledger);
      if ('sideFractionMax' in settings) expect(quick.outcomes.side_limit).toBeGreaterThan(20);
      if ('netBetaFractionMax' in settings) expect(quick.outcomes.beta_limit).toBeGreaterThan(20);
      expect(byUseCases.open).toEqual(quick.open.map((open) => expect.objectContaining(open)));
      expect(byId(orders)).toEqual(byId(expectedOrders));
    },
    120_000,
  );
});

test('a gap at a time of funding is left to the use cases, and their trades are reported', async () => {
  const atMs = Date.UTC(2024, 7, 4, 23, 55);
  const gappy = new Map(
    [...recorded]
      .filter(([symbol], index) => index < 3 || symbol === 'BTCUSDT')
      .map(([symbol, candles]) => {
        const gap = countUntil(candles, atMs - 1);
        const without = (column: Float64Array) => column.filter((_, candle) => candle !== gap);
        const { openTimeMs, open, high, low, close, volume } = candles;
        const columns = { openTimeMs, open, high, low, close, volume };
        const kept = Object.entries(columns).map(([name, column]) => [name, without(column)]);
        return [symbol, { ...Object.fromEntries(kept), length: candles.length - 1 } as CandleSeries];
      }),
  );
  const input = await inputOf(0.5, { series: gappy });
  const query = { fromMs: FROM_MS, toMs: Date.UTC(2024, 7, 5, 1), depositUsdt: 10_000, settings: {} };
  const quick = await replayColumns(query, input);
  expect(quick).toEqual({ ok: false, error: expect.stringContaining('has no candle at a time of funding') });
  const report = await replayPast({ ...query, withBreaker: false }, input);
  const byUseCases = await replayUseCases(query, input);
  expect(report.trades.length).toBe(byUseCases.trades.length);
  expect(report.outcomes).toEqual(byUseCases.outcomes);
});
