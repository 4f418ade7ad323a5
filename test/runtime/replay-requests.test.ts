// Requests of a replay, whose exchange counts them by the replay's clock, while this machine's hardly moves.
import { afterEach, expect, it } from 'vitest';
import { MINUTE_MS } from '../../lib/core/units.ts';
import { BAR_MS, lastClosedOpenTimeMs } from '../../lib/market/candle.ts';
import { REQUEST_BARS } from '../../lib/market/grid.ts';
import { openMarketData } from '../../lib/runtime/compose/exchange/market-data.ts';
import { type SimulatedExchange, startSimulatedExchange } from '../../local/exchange/simulated-exchange.ts';
import { generateMarket } from '../../local/market/generated-market.ts';

const market = generateMarket({ seed: 3, symbols: 1, fromMs: Date.UTC(2024, 0, 1), bars: 1_050 });
const startMs = market.firstOpenTimeMs + 1_040 * BAR_MS + 3_000;
const request = { symbol: 'BTCUSDT', count: REQUEST_BARS, lastOpenTimeMs: lastClosedOpenTimeMs(startMs) };

let exchange: SimulatedExchange;
afterEach(() => exchange.close());

async function openReplay(weightPerMinute?: number) {
  let nowMs = startMs;
  const clock = { nowMs: () => nowMs };
  const rateLimits = weightPerMinute === undefined ? {} : { weightPerMinute };
  exchange = await startSimulatedExchange({ market, clock, rateLimits });
  const open = () =>
    openMarketData({ exchange: 'binanceusdm', exchangeUrl: exchange.url }, { isReplay: true, clock });
  const advance = (durationMs: number) => {
    nowMs += durationMs;
  };
  return { open, advance };
}

/** How many of as many requests at once are answered, and why the first of the others is not. */
async function askTimes(times: number, { closedCandles }: ReturnType<typeof openMarketData>) {
  const answers = await Promise.all(Array.from({ length: times }, () => closedCandles(request)));
  const refused = answers.filter((answer) => !answer.ok).map(({ error }) => error);
  return { answered: times - refused.length, code: refused[0]?.code };
}

it('asks for no more than an address may in a minute of the replay, and goes on in the next', async () => {
  const replay = await openReplay();
  const marketData = replay.open();
  expect(await askTimes(500, marketData)).toEqual({ answered: 360, code: 'rate_limited' });
  replay.advance(MINUTE_MS);
  expect(await askTimes(140, marketData)).toEqual({ answered: 140, code: undefined });
});

it('pauses as long as the exchange asks for by the replay’s clock, in all functions of the run', async () => {
  const replay = await openReplay(60);
  const [first, second] = [replay.open(), replay.open()];
  expect(await askTimes(12, first)).toEqual({ answered: 12, code: undefined });
  expect(await askTimes(1, first)).toEqual({ answered: 0, code: 'rate_limited' });
  expect(await askTimes(1, second)).toEqual({ answered: 0, code: 'rate_limited' });
  replay.advance(MINUTE_MS);
  expect(await askTimes(12, second)).toEqual({ answered: 12, code: undefined });
});
