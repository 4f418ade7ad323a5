// Some hours of the rehearsed day (scripts/rehearse-unkind-day.ts), with the same figures: what must be true of a day, and that
// enough happened for it to mean anything. Recorded candles where there are some, else generated ones.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { HOUR_MS } from '../../../lib/core/units.ts';
import { BETA_SYMBOL } from '../../../lib/market/beta.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { REQUEST_BARS } from '../../../lib/market/grid.ts';
import { generateMarket } from '../../../local/market/generated-market.ts';
import { loadRecordedMarket, type MarketSource, marketOf } from '../../../local/market/market-source.ts';
import { problemsOfDay } from '../../../local/rehearsal/judge-day.ts';
import { runUnkindDay } from '../../../local/rehearsal/unkind-day.ts';

const START_MS = Date.UTC(2024, 7, 21);
const HOURS = 3;
const SYMBOLS = 20;
const HISTORY_BARS = REQUEST_BARS + 10;
const folder = join(resolve(process.env.QT_DATA_DIR ?? '../shared/data'), 'binance_spot_2024');

async function openMarket(): Promise<MarketSource> {
  const fromMs = START_MS - HISTORY_BARS * BAR_MS;
  const bars = HISTORY_BARS + ((HOURS + 3) * HOUR_MS) / BAR_MS;
  if (!existsSync(folder)) return generateMarket({ seed: 1, symbols: SYMBOLS, fromMs, bars });
  const recorded = await loadRecordedMarket({ folder, fromMs, toMs: fromMs + bars * BAR_MS });
  if (!recorded.ok) throw new Error(recorded.error);
  const { value } = recorded;
  // Without Bitcoin no beta is known, and nothing is entered.
  const symbols = [BETA_SYMBOL, ...value.symbols.filter((symbol) => symbol !== BETA_SYMBOL)].slice(
    0,
    SYMBOLS,
  );
  return marketOf(new Map(symbols.map((symbol) => [symbol, value.candles(symbol)])));
}

const market = await openMarket();
const day = (withExternalActs: boolean) =>
  runUnkindDay({ market, startMs: START_MS, hours: HOURS, seed: 1, withExternalActs });

it('trips nothing, leaves nothing unprotected and books nothing twice while nobody else acts', async () => {
  const report = await day(false);
  expect(problemsOfDay(report)).toEqual([]);
  expect(report.trips).toEqual([]);
  expect(report.unexplainedMicroUsdt).toBe(0);
  expect(report.decisions.entered).toBeGreaterThanOrEqual(3);
  expect(Object.keys(report.faults)).toEqual(
    expect.arrayContaining(['late', 'odd_row', 'rate_limited', 'reset', 'server_error']),
  );
});

it('trips for the acts of others and only for them, and trades on after the resets', async () => {
  const report = await day(true);
  expect(problemsOfDay(report)).toEqual([]);
  expect(report.acts.length).toBeGreaterThanOrEqual(2);
  expect(report.trips.length).toBeGreaterThanOrEqual(report.acts.length);
  expect(report.resets).toBe(report.trips.length);
});
