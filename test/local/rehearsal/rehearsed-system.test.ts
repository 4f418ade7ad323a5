// A rehearsed system is its own: nothing of an earlier rehearsal in the same process reaches it.
import { afterEach, expect, it } from 'vitest';
import { budgetOfHost } from '../../../lib/adapters/binance/request-budget.ts';
import { HOUR_MS, MINUTE_MS } from '../../../lib/core/units.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import {
  type SimulatedExchange,
  startSimulatedExchange,
} from '../../../local/exchange/simulated-exchange.ts';
import { generateMarket } from '../../../local/market/generated-market.ts';
import { openRehearsedSystem, REHEARSAL_KEYS } from '../../../local/rehearsal/rehearsed-system.ts';
import { SimulatedClock } from '../../../local/rehearsal/simulated-clock.ts';

const START_MS = Date.UTC(2024, 7, 4, 12);
let exchange: SimulatedExchange | undefined;
afterEach(() => exchange?.close());

it('is not held by a pause that an exchange on the same port has asked for, on a later day', async () => {
  const clock = new SimulatedClock(START_MS + MINUTE_MS);
  const market = generateMarket({ symbols: 2, fromMs: START_MS - 20 * BAR_MS, bars: 60, seed: 1 });
  const costs = { impactBps: 2, takerFeeBps: 5, fundingRatePer8h: 0.0001 };
  const account = { ...REHEARSAL_KEYS, depositUsdt: 1_000, costs };
  exchange = await startSimulatedExchange({ market, clock, account });
  const { host } = new URL(exchange.url);
  budgetOfHost(host).pauseUntil({ untilMs: START_MS + 24 * HOUR_MS, because: 'rate_limited' });
  const system = await openRehearsedSystem({ exchange, clock, symbols: market.symbols, draw: () => 0.5 });
  expect(await system.managePositions()).toMatchObject({ outcome: 'completed', faults: [] });
  await system.close();
});
