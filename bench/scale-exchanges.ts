// The exchanges of the scale benchmark, one for each address that asks, in a process of their own so that they do not hold up the
// embedded AWS. It is sent the time at which a bar opens, and its clock runs on from there. Ends with its parent.

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
