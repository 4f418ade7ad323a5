// The last price of one symbol, where whoever asks can go on without it.
import type { Broker } from '../ports.ts';

/** undefined when it cannot be had. */
export async function lastPriceOf(
  broker: Pick<Broker, 'prices'>,
  symbol: string,
): Promise<number | undefined> {
  const prices = await broker.prices([symbol]);
  return prices.ok ? prices.value.get(symbol) : undefined;
}
