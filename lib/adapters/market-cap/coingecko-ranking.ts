// The ranking of coins by market capitalisation that CoinGecko publishes: a second opinion on the universe. It is asked once and
// briefly, because nothing waits for its answer.

import { z } from 'zod';
import { messageOf } from '../../core/message-of.ts';
import { failure, success } from '../../core/result.ts';
import type { MarketCapRanking } from '../../market/ports.ts';

/** The largest page that `/coins/markets` gives. */
const COINS = 250;
const COINS_BELIEVED_MIN = 10;

const coinsSchema = z.array(
  z.object({ symbol: z.string().min(1), market_cap_rank: z.int().min(1).nullable() }),
);

/** @param options.timeoutMs from connecting to the last byte. @default 10000 */
export function createCoinGeckoRanking(options: {
  readonly baseUrl: string;
  readonly timeoutMs?: number;
}): MarketCapRanking {
  const url = new URL('/api/v3/coins/markets', options.baseUrl);
  url.search = new URLSearchParams({
    vs_currency: 'usd',
    order: 'market_cap_desc',
    per_page: String(COINS),
    page: '1',
  }).toString();
  return {
    async ranks() {
      let body: unknown;
      try {
        const signal = AbortSignal.timeout(options.timeoutMs ?? 10_000);
        const response = await fetch(url, { signal, redirect: 'error' });
        if (!response.ok) return failure(`${url.host} answered ${response.status}`);
        body = await response.json();
      } catch (error) {
        return failure(`${url.host} gave no ranking: ${messageOf(error)}`);
      }
      const coins = coinsSchema.safeParse(body);
      if (!coins.success || coins.data.length < COINS_BELIEVED_MIN)
        return failure(`${url.host} sent no ranking of coins`);
      const ranks = new Map<string, number>();
      // Names are not unique: the largest coin of a name is the one that is meant.
      for (const { symbol, market_cap_rank: rank } of coins.data) {
        const name = symbol.toUpperCase();
        if (rank !== null && rank < (ranks.get(name) ?? Number.POSITIVE_INFINITY)) ranks.set(name, rank);
      }
      return success(ranks);
    },
  };
}
