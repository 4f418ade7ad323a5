// One futures account on the simulated exchange, and the matching of its orders against the market as the exchange's clock moves:
// market orders trade at once, conditional ones when a bar's range reaches their trigger. Refusals carry Binance's numbers.

import { MICRO, microUsdt } from '../../lib/core/money.ts';
import { bookFill, bookFunding, type Ledger, newLedger } from '../../lib/execution/ledger.ts';
import type { OrderSide } from '../../lib/execution/order.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { minNotionalOf, type SymbolRules } from './exchange-info.ts';
import { type ExchangeReply, refuse } from './route.ts';
import type { VisibleMarket } from './visible-market.ts';

export interface MatchingCosts {
  /** Half spread and slippage together, paid by whoever trades at once. */
  readonly impactBps: number;
  readonly takerFeeBps: number;
  readonly fundingRatePer8h: number;
}

export interface AccountModes {
  readonly dualSidePosition: boolean;
  readonly multiAssetsMargin: boolean;
  readonly feeBurn: boolean;
}

export interface MarketOrderRequest {
  readonly symbol: string;
  readonly side: OrderSide;
  readonly quantity: number;
  readonly clientOrderId: string;
  readonly reduceOnly: boolean;
  /** Share of the quantity for which there is somebody on the other side. */
  readonly fillable: number;
}

export interface StopRequest extends Omit<MarketOrderRequest, 'fillable'> {
  readonly triggerPrice: number;
}

export interface MatchedOrder {
  readonly orderId: number;
  readonly clientOrderId: string;
  readonly symbol: string;
  readonly side: OrderSide;
  readonly status: 'FILLED' | 'EXPIRED';
  readonly quantity: number;
  readonly executedQuantity: number;
  readonly price: number;
  readonly reduceOnly: boolean;
  readonly atMs: number;
  readonly feeMicroUsdt: number;
}

export interface StopOrder extends StopRequest {
  readonly algoId: number;
  readonly status: 'NEW' | 'FINISHED' | 'CANCELED' | 'EXPIRED';
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** The order that it became. */
  readonly actualOrderId: number | undefined;
}

export interface Income {
  readonly tranId: number;
  readonly symbol: string;
  readonly incomeType: 'COMMISSION' | 'REALIZED_PNL' | 'FUNDING_FEE';
  readonly amountMicroUsdt: number;
  readonly atMs: number;
}

export interface SymbolSetting {
  readonly leverage: number;
  readonly marginType: 'CROSSED' | 'ISOLATED';
}

/** How far a symbol's bars have been followed, and funding paid. */
interface Followed {
  readonly nextOpenTimeMs: number;
  readonly fundedUntilMs: number;
}

const FUNDING_MS = 8 * 3_600_000;
const LEVERAGE_MAX = 125;
const CLIENT_ORDER_ID = /^[.A-Z:/a-z0-9_-]{1,36}$/;
const DEFAULT_SETTING: SymbolSetting = { leverage: 20, marginType: 'CROSSED' };

export class MatchingAccount {
  readonly #market: VisibleMarket;
  readonly #rules: ReadonlyMap<string, SymbolRules>;
  readonly #costs: MatchingCosts;
  readonly modes: AccountModes;
  readonly #settings = new Map<string, SymbolSetting>();
  readonly #orders = new Map<number, MatchedOrder>();
  readonly #stops = new Map<number, StopOrder>();
  readonly #income: Income[] = [];
  readonly #followed = new Map<string, Followed>();
  #ledger: Ledger;
  #lastId = 1_000;

  constructor(context: {
    market: VisibleMarket;
    rules: ReadonlyMap<string, SymbolRules>;
    costs: MatchingCosts;
    modes: AccountModes;
    depositMicroUsdt: number;
  }) {
    this.#market = context.market;
    this.#rules = context.rules;
    this.#costs = context.costs;
    this.modes = context.modes;
    this.#ledger = newLedger(context.depositMicroUsdt);
  }

  get walletMicroUsdt(): number {
    const { depositMicroUsdt, realisedMicroUsdt, feesMicroUsdt, fundingMicroUsdt } = this.#ledger;
    return depositMicroUsdt + realisedMicroUsdt - feesMicroUsdt + fundingMicroUsdt;
  }

  get availableMicroUsdt(): number {
    const margins = this.positions().map(
      ({ symbol, costMicroUsdt }) => Math.abs(costMicroUsdt) / this.setting(symbol).leverage,
    );
    return this.walletMicroUsdt - Math.ceil(margins.reduce((sum, margin) => sum + margin, 0));
  }

  positions() {
    return Object.entries(this.#ledger.positions).map(([symbol, { quantity, costMicroUsdt }]) => ({
      symbol,
      quantity,
      costMicroUsdt,
      entryPrice: costMicroUsdt / quantity / MICRO,
      markPrice: this.#market.lastPrice(symbol),
    }));
  }

  orders = (): MatchedOrder[] => [...this.#orders.values()];
  stops = (): StopOrder[] => [...this.#stops.values()];
  income = (): readonly Income[] => this.#income;
  setting = (symbol: string): SymbolSetting => this.#settings.get(symbol) ?? DEFAULT_SETTING;
  lists = (symbol: string): boolean => this.#market.lists(symbol);

  setLeverage(symbol: string, leverage: number): ExchangeReply | undefined {
    if (!(Number.isInteger(leverage) && leverage >= 1 && leverage <= LEVERAGE_MAX)) {
      return refuse(-4028, `Leverage ${leverage} is not valid`);
    }
    this.#settings.set(symbol, { ...this.setting(symbol), leverage });
    return undefined;
  }

  setMarginType(symbol: string, marginType: string): ExchangeReply | undefined {
    if (marginType !== 'CROSSED' && marginType !== 'ISOLATED') return refuse(-4045, 'Invalid margin type.');
    if (this.setting(symbol).marginType === marginType)
      return refuse(-4046, 'No need to change margin type.');
    if (this.#ledger.positions[symbol] !== undefined) {
      return refuse(-4048, 'Margin type cannot be changed if there exists position.');
    }
    this.#settings.set(symbol, { ...this.setting(symbol), marginType });
    return undefined;
  }

  placeMarketOrder(request: MarketOrderRequest): MatchedOrder | ExchangeReply {
    const { symbol, side, quantity, fillable } = request;
    const price = this.#market.lists(symbol) ? this.#market.lastPrice(symbol) : 0;
    const refusal = this.#refuseOrder(request, price);
    if (refusal !== undefined) return refusal;
    if (!request.reduceOnly) {
      const marginMicroUsdt = microUsdt((quantity * price) / this.setting(symbol).leverage, 'up');
      if (marginMicroUsdt > this.availableMicroUsdt) return refuse(-2019, 'Margin is insufficient.');
    }
    this.#follow(symbol);
    const decimals = this.#rules.get(symbol)!.stepDecimals;
    const share = Math.floor(quantity * fillable * 10 ** decimals) / 10 ** decimals;
    const filled = request.reduceOnly ? Math.min(share, this.#reducible(symbol, side)) : share;
    return this.#match({ ...request, filled, price: this.#worse(price, side), atMs: this.#market.nowMs() });
  }

  placeStop(request: StopRequest): StopOrder | ExchangeReply {
    const { symbol, side, triggerPrice } = request;
    const price = this.#market.lists(symbol) ? this.#market.lastPrice(symbol) : 0;
    const refusal = this.#refuseOrder(request, price);
    if (refusal !== undefined) return refusal;
    if (!fits(triggerPrice, this.#rules.get(symbol)!.tickDecimals)) {
      return refuse(-4014, 'Price not increased by tick size.');
    }
    if (this.stops().some((stop) => stop.status === 'NEW' && stop.clientOrderId === request.clientOrderId)) {
      return refuse(-4116, 'ClientOrderId is duplicated.');
    }
    if (side === 'SELL' ? price <= triggerPrice : price >= triggerPrice) {
      return refuse(-2021, 'Order would immediately trigger.');
    }
    this.#follow(symbol);
    const nowMs = this.#market.nowMs();
    const times = { createdAtMs: nowMs, updatedAtMs: nowMs };
    return this.#keepStop({
      ...request,
      ...times,
      algoId: this.#nextId(),
      status: 'NEW',
      actualOrderId: undefined,
    });
  }

  /** Whether there was one to cancel. */
  cancelStop(algoId: number): boolean {
    const stop = this.#stops.get(algoId);
    if (stop?.status !== 'NEW') return false;
    this.#keepStop({ ...stop, status: 'CANCELED', updatedAtMs: this.#market.nowMs() });
    return true;
  }

  /** Catches up with the clock: bars that have closed since, the price of now, and funding. */
  settle(): void {
    for (const symbol of [...this.#followed.keys()]) {
      for (const bar of this.#market.closedBars(symbol, this.#followed.get(symbol)!.nextOpenTimeMs)) {
        this.#payFunding(symbol, { untilMs: bar.openTimeMs, markPrice: bar.open });
        const closeTimeMs = bar.openTimeMs + BAR_MS;
        for (const stop of this.#waiting(symbol)) {
          if (closeTimeMs <= stop.createdAtMs) continue;
          const reached = stop.side === 'SELL' ? bar.low <= stop.triggerPrice : bar.high >= stop.triggerPrice;
          const opened = bar.openTimeMs >= stop.createdAtMs ? bar.open : stop.triggerPrice;
          if (reached) this.#trigger(stop, { reference: opened, atMs: closeTimeMs });
        }
        this.#followed.set(symbol, { ...this.#followed.get(symbol)!, nextOpenTimeMs: closeTimeMs });
      }
      const [price, nowMs] = [this.#market.lastPrice(symbol), this.#market.nowMs()];
      this.#payFunding(symbol, { untilMs: nowMs, markPrice: price });
      for (const stop of this.#waiting(symbol)) {
        const past = stop.side === 'SELL' ? price <= stop.triggerPrice : price >= stop.triggerPrice;
        if (past) this.#trigger(stop, { reference: price, atMs: nowMs });
      }
      const idle = this.#ledger.positions[symbol] === undefined && this.#waiting(symbol).length === 0;
      if (idle) this.#followed.delete(symbol);
    }
  }

  #refuseOrder(request: Omit<MarketOrderRequest, 'fillable'>, price: number): ExchangeReply | undefined {
    const { symbol, side, quantity, reduceOnly } = request;
    const rules = this.#rules.get(symbol);
    if (rules === undefined || !this.#market.lists(symbol)) return refuse(-1121, 'Invalid symbol.');
    if (!CLIENT_ORDER_ID.test(request.clientOrderId)) {
      return refuse(-4015, 'Client order id is not valid.');
    }
    if (!(quantity > 0)) return refuse(-4003, 'Quantity less than zero.');
    if (!fits(quantity, rules.stepDecimals)) {
      return refuse(-1111, 'Precision is over the maximum defined for this asset.');
    }
    if (reduceOnly) {
      return this.#reducible(symbol, side) > 0 ? undefined : refuse(-2022, 'ReduceOnly Order is rejected.');
    }
    const minNotional = minNotionalOf(symbol);
    if (quantity * price >= minNotional) return undefined;
    return refuse(
      -4164,
      `Order's notional must be no smaller than ${minNotional} (unless you choose reduce only).`,
    );
  }

  #match(
    order: Omit<MarketOrderRequest, 'fillable'> & { filled: number; price: number; atMs: number },
  ): MatchedOrder {
    const { symbol, side, filled, price, atMs, quantity } = order;
    const feeMicroUsdt = microUsdt((filled * price * this.#costs.takerFeeBps) / 10_000);
    const before = this.#ledger.realisedMicroUsdt;
    if (filled > 0) {
      this.#ledger = bookFill(this.#ledger, { symbol, side, quantity: filled, price, feeMicroUsdt });
      this.#earn('COMMISSION', { symbol, atMs, amountMicroUsdt: -feeMicroUsdt });
      this.#earn('REALIZED_PNL', { symbol, atMs, amountMicroUsdt: this.#ledger.realisedMicroUsdt - before });
    }
    const matched: MatchedOrder = {
      orderId: this.#nextId(),
      clientOrderId: order.clientOrderId,
      symbol,
      side,
      status: filled < quantity ? 'EXPIRED' : 'FILLED',
      quantity,
      executedQuantity: filled,
      price: filled > 0 ? price : 0,
      reduceOnly: order.reduceOnly,
      atMs,
      feeMicroUsdt,
    };
    this.#orders.set(matched.orderId, matched);
    return matched;
  }

  /** Fills at the trigger, or at the price of then where that is worse already. */
  #trigger(stop: StopOrder, { reference, atMs }: { reference: number; atMs: number }): void {
    const { symbol, side, triggerPrice } = stop;
    const filled = Math.min(stop.quantity, this.#reducible(symbol, side));
    if (filled === 0) {
      this.#keepStop({ ...stop, status: 'EXPIRED', updatedAtMs: atMs });
      return;
    }
    const worst = side === 'SELL' ? Math.min(triggerPrice, reference) : Math.max(triggerPrice, reference);
    const became = this.#match({ ...stop, filled, price: this.#worse(worst, side), atMs });
    this.#keepStop({ ...stop, status: 'FINISHED', updatedAtMs: atMs, actualOrderId: became.orderId });
  }

  #payFunding(symbol: string, { untilMs, markPrice }: { untilMs: number; markPrice: number }): void {
    const followed = this.#followed.get(symbol)!;
    let atMs = (Math.floor(followed.fundedUntilMs / FUNDING_MS) + 1) * FUNDING_MS;
    for (; atMs <= untilMs; atMs += FUNDING_MS) {
      const rate = this.#costs.fundingRatePer8h;
      const booked = bookFunding(this.#ledger, { symbol, markPrice, rate });
      const amountMicroUsdt = booked.fundingMicroUsdt - this.#ledger.fundingMicroUsdt;
      this.#ledger = booked;
      this.#earn('FUNDING_FEE', { symbol, atMs, amountMicroUsdt });
    }
    this.#followed.set(symbol, { ...followed, fundedUntilMs: Math.max(followed.fundedUntilMs, untilMs) });
  }

  #earn(incomeType: Income['incomeType'], about: Pick<Income, 'symbol' | 'atMs' | 'amountMicroUsdt'>): void {
    if (about.amountMicroUsdt !== 0) this.#income.push({ tranId: this.#nextId(), incomeType, ...about });
  }

  #follow(symbol: string): void {
    const nowMs = this.#market.nowMs();
    if (this.#followed.has(symbol)) return;
    this.#followed.set(symbol, {
      nextOpenTimeMs: Math.floor(nowMs / BAR_MS) * BAR_MS,
      fundedUntilMs: nowMs,
    });
  }

  #reducible(symbol: string, side: OrderSide): number {
    const held = this.#ledger.positions[symbol]?.quantity ?? 0;
    return Math.max(0, side === 'SELL' ? held : -held);
  }

  #waiting = (symbol: string): StopOrder[] =>
    this.stops().filter((stop) => stop.symbol === symbol && stop.status === 'NEW');

  #worse = (price: number, side: OrderSide): number =>
    price * (1 + ((side === 'BUY' ? 1 : -1) * this.#costs.impactBps) / 10_000);

  #keepStop(stop: StopOrder): StopOrder {
    this.#stops.set(stop.algoId, stop);
    return stop;
  }

  #nextId = (): number => ++this.#lastId;
}

const fits = (value: number, decimals: number): boolean => Number(value.toFixed(decimals)) === value;
