// What every part of an account looks at: the market, the contracts, and the numbers that the exchange gives out.
import type { Contracts } from '../contracts.ts';
import type { MarkPrices } from '../mark-prices.ts';
import type { Unkindness } from '../unkindness.ts';
import type { VisibleMarket } from '../visible-market.ts';
import type { AccountModes, AccountSettings } from './account-settings.ts';
import type { Matching, MatchingCosts } from './matching.ts';
import type { Orders, Stops } from './orders.ts';
import type { PositionSide, Side } from './positions.ts';
import type { Situation } from './refusals.ts';

export interface AccountTerms {
  readonly market: VisibleMarket;
  readonly contracts: Contracts;
  readonly marks: MarkPrices;
  readonly costs: MatchingCosts;
  readonly modes: AccountModes;
  readonly unkind: Unkindness;
  readonly depositMicroUsdt: number;
}

/** The parts of an account, for each other. */
export interface AccountParts extends AccountTerms {
  readonly settings: AccountSettings;
  readonly matching: Matching;
  readonly orders: Orders;
  readonly stops: Stops;
  readonly nextId: () => number;
}

/** Wallet less the margin of what is held, in micro-USDT. */
export function availableMicroUsdt({ matching, settings }: AccountParts): number {
  const margins = matching.positions
    .all()
    .map(({ symbol, costMicroUsdt }) => Math.abs(costMicroUsdt) / settings.of(symbol).leverage);
  const wallet = matching.funds.balanceE8('USDT') / 100;
  return wallet - Math.ceil(margins.reduce((sum, margin) => sum + margin, 0));
}

/** What an order of a symbol is judged by, now. */
export function situationOf(
  parts: AccountParts,
  symbol: string,
  positionSide: PositionSide = 'BOTH',
): Situation {
  const { market, contracts, marks, matching, settings } = parts;
  const listed = market.lists(symbol);
  return {
    contract: listed ? contracts.of(symbol) : undefined,
    lastPrice: listed ? market.lastPrice(symbol) : 0,
    markPrice: listed ? marks.of(market, symbol) : 0,
    held: matching.positions.quantity(symbol, positionSide),
    leverage: settings.of(symbol).leverage,
    availableMicroUsdt: availableMicroUsdt(parts),
  };
}

/** The price that is `bps` worse for who trades on that side. */
export const worse = (price: number, side: Side, bps: number): number =>
  price * (1 + ((side === 'BUY' ? 1 : -1) * bps) / 10_000);
