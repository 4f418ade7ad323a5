// The first question to a real exchange: does it answer, and which pairs shall be followed?
import { createCcxtMarketData } from '../adapters/exchange/ccxt-market-data.ts';
import { failure, type Result, success } from '../result.ts';
import type { Exchange } from './configuration.ts';

/** @param symbols which, or how many of the largest by 24 h quote volume. Fails with one line. */
export async function chooseSymbols(
  exchange: Exchange,
  symbols: number | readonly string[],
): Promise<Result<readonly string[], string>> {
  const market = createCcxtMarketData({ exchange, deadlineMs: 10_000 });
  const time = await market.serverTimeMs();
  if (!time.ok) return failure(time.error.message);
  if (typeof symbols !== 'number') return success(symbols);
  const largest = await market.largestPairs(symbols);
  return largest.ok ? largest : failure(largest.error.message);
}
