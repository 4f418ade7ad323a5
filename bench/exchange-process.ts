// The simulated exchange in a process of its own, so that a benchmark of the client does not also time the server. Ends with its
// parent.
import { BAR_MS } from '../lib/market/candle.ts';
import { startSimulatedExchange } from '../local/exchange/simulated-exchange.ts';
import { generateMarket } from '../local/market/generated-market.ts';

const market = generateMarket({ seed: 1, symbols: 100, fromMs: Date.UTC(2024, 0, 1), bars: 1_020 });
const nowMs = market.lastOpenTimeMs + BAR_MS + 1_000;
const exchange = await startSimulatedExchange({
  market,
  clock: { nowMs: () => nowMs },
  rateLimits: { weightPerMinute: 1_000_000 },
});
process.once('disconnect', () => void exchange.close());
process.send?.({ url: exchange.url, symbols: market.symbols, lastOpenTimeMs: market.lastOpenTimeMs });
