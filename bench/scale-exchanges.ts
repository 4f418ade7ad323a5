// The exchanges of the scale benchmark, one for each address that asks, in a process of their own so that they do not hold up the
// embedded AWS. Told the time at which a bar is opened, from which it goes on at its own speed. Ends with its parent.

import { startSimulatedExchange } from '../local/exchange/simulated-exchange.ts';
import { generateMarket } from '../local/market/generated-market.ts';
import { SCALE_MARKET, SHARDS } from './scale-market.ts';

let openedMs = 0;
let startedMs = 0;
const clock = { nowMs: () => Math.floor(openedMs + performance.now() - startedMs) };
const market = generateMarket(SCALE_MARKET);
const exchanges = await Promise.all(
  Array.from({ length: SHARDS + 1 }, () => startSimulatedExchange({ market, clock })),
);
process.on('message', (nowMs: number) => {
  openedMs = nowMs;
  startedMs = performance.now();
  process.send?.('open');
});
process.once('disconnect', () => process.exit());
process.send?.({ urls: exchanges.map(({ url }) => url), symbols: market.symbols });
