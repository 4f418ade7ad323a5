// How an order becomes trades: prices, fees, positions, wallet. Everything that trades on an account, its owner's orders and the
// exchange's own, goes through here.
import { MICRO } from '../../../lib/core/units.ts';
import { type Contracts, decimalsOf } from '../contracts.ts';
import type { Unkindness } from '../unkindness.ts';
import type { VisibleMarket } from '../visible-market.ts';
import { type Level, levelsOf } from './depth.ts';
import { E8, E8_PER_MICRO, Funds, type IncomeType } from './funds.ts';
import { exact, type PositionSide, Positions, type Side } from './positions.ts';
import { Trades } from './trades.ts';

export interface MatchingCosts {
  /** Half spread and slippage together, paid by whoever trades at once. */
  readonly impactBps: number;
  readonly takerFeeBps: number;
  readonly fundingRatePer8h: number;
}

interface Execution {
  readonly orderId: number;
  readonly symbol: string;
  readonly side: Side;
  /** @default BOTH */
  readonly positionSide?: PositionSide;
  readonly quantity: number;
  readonly price: number;
  readonly atMs: number;
  readonly maker: boolean;
  readonly feeBps: number;
  /** @default REALIZED_PNL */
  readonly profitAs?: IncomeType;
}

/** Of the fee, to whoever pays it in BNB. */
const BNB_DISCOUNT = 0.9;

export class Matching {
  readonly positions = new Positions();
  readonly trades = new Trades();
  readonly funds: Funds;
  readonly #market: VisibleMarket;
  readonly #contracts: Contracts;
  readonly #unkind: Unkindness;
  #feesTaken = 0;

  constructor(context: {
    market: VisibleMarket;
    contracts: Contracts;
    unkind: Unkindness;
    nextId: () => number;
  }) {
    this.#market = context.market;
    this.#contracts = context.contracts;
    this.#unkind = context.unkind;
    this.funds = new Funds({ incomeLagMs: context.unkind.incomeLagMs, nextId: context.nextId });
    const { bnbFees } = context.unkind;
    if (bnbFees !== undefined) this.funds.deposit('BNB', Math.round(bnbFees.balanceBnb * E8));
  }

  /** Trades all of `quantity`; the sum of price × quantity. */
  execute(execution: Execution): number {
    const { symbol, maker } = execution;
    const depth = maker ? undefined : this.#unkind.depth;
    const levels = levelsOf(execution, this.#contracts.of(symbol)!, depth);
    for (const level of levels) this.#trade(execution, level, depth === undefined && !maker);
    return levels.reduce((sum, level) => sum + level.price * level.quantity, 0);
  }

  /** @param halved shown as two trades where the step allows it: fees and quantities have to be summed */
  #trade(execution: Execution, { price, quantity }: Level, halved: boolean): void {
    const { orderId, symbol, side, positionSide, atMs, maker } = execution;
    const fill = { symbol, side, quantity, price, atMs, ...(positionSide && { positionSide }) };
    const realisedMicroUsdt = this.positions.book(fill);
    const fee = this.#fee((quantity * price * execution.feeBps) / 10_000);
    const parts = halved ? halves(quantity) : [quantity];
    const commissions = parts.length === 1 ? [fee.amountE8] : halfFees(fee.amountE8);
    let tradeId = 0;
    for (const [index, part] of parts.entries()) {
      tradeId = this.trades.add({
        ...{ orderId, symbol, side, price, atMs, maker, quantity: part },
        commissionAsset: fee.asset,
        commissionE8: commissions[index]!,
        realisedMicroUsdt: index === parts.length - 1 ? realisedMicroUsdt : 0,
      }).tradeId;
    }
    const row = { symbol, atMs, tradeId: String(tradeId) };
    this.funds.credit({ ...row, incomeType: 'COMMISSION', asset: fee.asset, amountE8: -fee.amountE8 });
    this.funds.credit({
      ...row,
      incomeType: execution.profitAs ?? 'REALIZED_PNL',
      asset: 'USDT',
      amountE8: realisedMicroUsdt * E8_PER_MICRO,
    });
  }

  #fee(usdt: number): { asset: string; amountE8: number } {
    const inUsdt = { asset: 'USDT', amountE8: Math.round(usdt * MICRO) * E8_PER_MICRO };
    const { share = 0, priceUsdt = 0 } = this.#unkind.bnbFees ?? {};
    const before = this.#feesTaken++;
    if (Math.floor((before + 1) * share) === Math.floor(before * share)) return inUsdt;
    const listed = this.#market.lists('BNBUSDT') ? this.#market.lastPrice('BNBUSDT') : priceUsdt;
    const amountE8 = Math.round(((usdt * BNB_DISCOUNT) / listed) * E8);
    return amountE8 > this.funds.balanceE8('BNB') ? inUsdt : { asset: 'BNB', amountE8 };
  }
}

function halves(quantity: number): number[] {
  const decimals = decimalsOf(quantity);
  const first = Math.floor((quantity * 10 ** decimals) / 2) / 10 ** decimals;
  return [first, exact(quantity - first)].filter((half) => half > 0);
}

/** In whole micro-USDT each. */
function halfFees(amountE8: number): number[] {
  const first = Math.floor(amountE8 / E8_PER_MICRO / 2) * E8_PER_MICRO;
  return [first, amountE8 - first];
}
