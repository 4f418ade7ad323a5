// Which pairs are never traded, whatever their turnover: what does not move, what decays by itself, what has too little history or cannot be sold.

import { DAY_MS } from '../core/units.ts';
import { entryBarrier } from './symbol-filters.ts';

/** The universe is chosen once a day. */
const CHOSEN_EVERY_MS = DAY_MS;

/** One pair against USDT, as an exchange lists it. */
export interface ListedPair {
  readonly symbol: string;
  /** The exchange's name of what is traded, e.g. `BTC`, `1000PEPE`. */
  readonly base: string;
  readonly isTrading: boolean;
  /** Turnover of the last 24 h, USDT; undefined when the exchange names none. */
  readonly quoteVolumeUsdt: number | undefined;
  /** As in its filters. */
  readonly isOtherContract?: boolean;
  readonly settlesAtMs?: number;
}

/** Closed list of why a pair cannot be in the universe. */
export const EXCLUSIONS = {
  not_tradable: 'the exchange does not list it, or has stopped its trading',
  other_contract: 'it is no perpetual contract on a coin',
  settles_soon: 'the contract is settled before the universe is chosen again, or within a day of it',
  no_turnover: 'nothing was traded in the last 24 hours',
  stablecoin: 'its base is pegged to a currency, or is one',
  leveraged_token: 'its base is a leveraged token, which decays by itself',
  too_little_history: 'it was listed too recently for its features to be computed',
} as const;
export type ExclusionReason = keyof typeof EXCLUSIONS;

/** Bases that follow a currency, by the names that Binance has listed them under. */
const STABLE_BASES: ReadonlySet<string> = new Set(
  `USDC FDUSD TUSD BUSD USDP USDS USDE USD1 USDD USDQ USDR USDSB USDY PYUSD RLUSD BFUSD XUSD GUSD SUSD LUSD FRAX DAI PAX
   UST USDT EURI AEUR EURS EUR GBP AUD TRY BRL RUB UAH NGN ZAR IDRT BIDR BVND BKRW JPY MXN ARS COP PLN RON CZK`.split(
    /\s+/,
  ),
);
/** FTX's were named after nothing else; Binance's after their coin: BTCUP, ETHDOWN, EOSBULL. */
const LEVERAGED = /^(.*)(UP|DOWN|BULL|BEAR)$/;

/**
 * @param market.bases of everything listed: JUP and SYRUP are coins, because there is no J and no SYR that they could multiply
 * @param market.nowMs the exchange's clock
 */
export function exclusionOf(
  pair: ListedPair,
  { bases, nowMs }: { readonly bases: ReadonlySet<string>; readonly nowMs: number },
): ExclusionReason | undefined {
  if (!pair.isTrading) return 'not_tradable';
  const barrier = entryBarrier(pair, nowMs + CHOSEN_EVERY_MS);
  if (barrier !== undefined) return barrier;
  if (STABLE_BASES.has(pair.base)) return 'stablecoin';
  const multiplied = LEVERAGED.exec(pair.base);
  if (multiplied !== null) {
    const [, coin, direction] = multiplied;
    if (coin === '' ? direction === 'BULL' || direction === 'BEAR' : bases.has(coin!))
      return 'leveraged_token';
  }
  return (pair.quoteVolumeUsdt ?? 0) > 0 ? undefined : 'no_turnover';
}
