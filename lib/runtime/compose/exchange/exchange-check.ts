// Checks that an exchange answers, and chooses the pairs to follow.
import { createCcxtMarketData } from '../../../adapters/binance/market/ccxt-market-data.ts';
import { failure, type Result, success } from '../../../core/result.ts';
import { chooseUniverse } from '../../../market/choose-universe.ts';
import { rankMarket } from '../../../market/use-cases/refresh-universe.ts';
import type { Exchange } from '../../config/function-settings.ts';

/**
 * @param symbols by name, or the number of the largest by 24 h quote volume
 * @param baseUrl of a simulated exchange. @default the real one
 * Fails with one line.
 */
export async function chooseSymbols(
  exchange: Exchange,
  symbols: number | readonly string[],
  baseUrl?: string,
): Promise<Result<readonly string[], string>> {
  const market = createCcxtMarketData({ exchange, baseUrl, deadlineMs: 10_000 });
  const time = await market.serverTimeMs();
  if (!time.ok) return failure(time.error.message);
  if (typeof symbols !== 'number') return success(symbols);
  const ranking = await rankMarket(market, symbols);
  if (!ranking.ok) return failure(ranking.error.message);
  return success(chooseUniverse(ranking.value, { members: [], size: symbols }).symbols);
}
