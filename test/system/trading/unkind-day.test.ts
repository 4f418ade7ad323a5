// Some hours of the rehearsed day (scripts/rehearse-unkind-day.ts), with the same figures: what must be true of a day, and that
// enough happened for it to mean anything. On the recorded candles that every clone has.
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { HOUR_MS } from '../../../lib/core/units.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { REQUEST_BARS } from '../../../lib/market/grid.ts';
import { loadRecordedMarket } from '../../../local/market/market-source.ts';
import { problemsOfDay } from '../../../local/rehearsal/judge-day.ts';
import { runUnkindDay } from '../../../local/rehearsal/unkind-day.ts';

const SAMPLE = resolve(import.meta.dirname, '../../../samples/crash-2024-08-05');
const START_MS = Date.UTC(2024, 7, 4, 12);
const HOURS = 3;

async function openMarket() {
  const fromMs = START_MS - (REQUEST_BARS + 10) * BAR_MS;
  const recorded = await loadRecordedMarket({
    folder: SAMPLE,
    fromMs,
    toMs: START_MS + (HOURS + 3) * HOUR_MS,
  });
  if (!recorded.ok) throw new Error(recorded.error);
  return recorded.value;
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
