// One futures account on the simulated exchange: it follows the market as the exchange's clock moves, and lets stops trigger,
// orders rest, funding be paid and contracts settle when their time has come.
import { HOUR_MS, MICRO } from '../../../lib/core/units.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { floorTo } from '../contracts.ts';
import type { ExchangeReply } from '../route.ts';
import { type AccountModes, AccountSettings } from './account-settings.ts';
import { type AccountParts, type AccountTerms, availableMicroUsdt } from './account-view.ts';
import { E8_PER_MICRO, type Funds } from './funds.ts';
import { Matching } from './matching.ts';
import { type ForcedOrder, type MarketOrderRequest, OrderBook } from './order-book.ts';
import { type Order, Orders, type Stop, Stops } from './orders.ts';
import type { Positions } from './positions.ts';
import { StopBook, type StopRequest } from './stop-book.ts';
import type { Trades } from './trades.ts';

/** How far a symbol's bars have been followed, and funding paid. */
interface Followed {
  readonly nextOpenTimeMs: number;
  readonly fundedUntilMs: number;
}

const FUNDING_MS = 8 * HOUR_MS;
const FIRST_ID = 1_000;

export class MatchingAccount {
  readonly settings: AccountSettings;
  readonly positions: Positions;
  readonly trades: Trades;
  readonly funds: Funds;
  readonly orders = new Orders();
  readonly stops = new Stops();
  readonly book: OrderBook;
  readonly stopBook: StopBook;
  readonly #parts: AccountParts;
  readonly #followed = new Map<string, Followed>();
  readonly #forced = new Map<number, { readonly forced: ForcedOrder; readonly dueAtMs: number }>();
  #lastId = FIRST_ID;

  constructor(terms: AccountTerms) {
    const nextId = (): number => ++this.#lastId;
    const { modes, unkind } = terms;
    const matching = new Matching({ ...terms, nextId });
    this.settings = new AccountSettings({ modes, misnamesMarginType: unkind.misnamesMarginType });
    this.positions = matching.positions;
    this.trades = matching.trades;
    this.funds = matching.funds;
    this.funds.deposit('USDT', terms.depositMicroUsdt * E8_PER_MICRO);
    const { settings, orders, stops } = this;
    this.#parts = { ...terms, settings, matching, orders, stops, nextId };
    this.book = new OrderBook(this.#parts);
    this.stopBook = new StopBook(this.#parts, this.book);
  }

  get unkind() {
    return this.#parts.unkind;
  }

  get market() {
    return this.#parts.market;
  }

  get takerFeeBps(): number {
    return this.#parts.costs.takerFeeBps;
  }

  get modes(): AccountModes {
    return this.settings.modes;
  }

  availableMicroUsdt = (): number => availableMicroUsdt(this.#parts);
  contract = (symbol: string) => this.#parts.contracts.of(symbol);

  /** As it was `lateMs` ago. */
  markPrice(symbol: string, lateMs = 0): number {
    const { market, marks } = this.#parts;
    const late = market.late(lateMs);
    return marks.of(late.lists(symbol) ? late : market, symbol);
  }

  /** As much of a quantity as the step of the contract allows, one step at least. */
  portionOf(symbol: string, quantity: number): number {
    const { stepSize } = this.contract(symbol)!;
    return Math.max(floorTo(quantity, stepSize), stepSize);
  }

  standing(symbol?: string): { hasPosition: boolean; hasOpenOrders: boolean } {
    const held = this.positions.all().filter(({ quantity }) => quantity !== 0);
    return {
      hasPosition: held.some((position) => symbol === undefined || position.symbol === symbol),
      hasOpenOrders: this.orders.open(symbol).length + this.stops.open(symbol).length > 0,
    };
  }

  placeMarketOrder(request: MarketOrderRequest): Order | ExchangeReply {
    const { symbol } = request;
    this.#follow(symbol);
    const placed = this.book.placeMarketOrder(request);
    this.stopBook.expireWithPosition(symbol, this.market.nowMs());
    return placed;
  }

  placeRestingOrder(request: Parameters<OrderBook['placeRestingOrder']>[0]): Order | ExchangeReply {
    this.#follow(request.symbol);
    return this.book.placeRestingOrder(request);
  }

  placeStop(request: StopRequest): Stop | ExchangeReply {
    this.#follow(request.symbol);
    return this.stopBook.place(request);
  }

  cancelOrder = (orderId: number): boolean => this.book.cancel(orderId, this.market.nowMs());
  cancelStop = (algoId: number): boolean => this.stopBook.cancel(algoId, this.market.nowMs());

  /** An order of the exchange itself; it rests for `restMs` first. Own orders of the symbol end when `clears`. */
  force(forced: ForcedOrder, { restMs = 0, clears = false }: { restMs?: number; clears?: boolean }): Order {
    const { symbol } = forced;
    const nowMs = this.market.nowMs();
    this.#follow(symbol);
    if (clears) this.cancelAllOf(symbol, 'EXPIRED');
    const order = this.book.force(forced, nowMs);
    this.#forced.set(order.orderId, { forced, dueAtMs: nowMs + restMs });
    if (restMs === 0) this.#finishForced(symbol, nowMs);
    return this.orders.get(order.orderId)!;
  }

  cancelAllOf(symbol: string, status: 'CANCELED' | 'EXPIRED'): void {
    const nowMs = this.market.nowMs();
    for (const { orderId } of this.orders.open(symbol)) this.book.cancel(orderId, nowMs, status);
    for (const { algoId } of this.stops.open(symbol)) this.stopBook.cancel(algoId, nowMs, status);
  }

  /** Closes the position at the mark price because the contract ends; its orders end too. */
  settleContract(symbol: string, restMs = 0): Order | undefined {
    const { market } = this.#parts;
    const quantity = this.positions.quantity(symbol);
    this.cancelAllOf(symbol, 'EXPIRED');
    if (quantity === 0) return undefined;
    const perpetual = this.contract(symbol)!.contractType === 'PERPETUAL';
    return this.force(
      {
        symbol,
        side: quantity > 0 ? 'SELL' : 'BUY',
        quantity: Math.abs(quantity),
        price: this.markPrice(symbol),
        clientOrderId: `settlement_autoclose-${market.nowMs()}`,
        autoClose: 'SETTLEMENT',
        feeBps: 0,
        profitAs: perpetual ? 'REALIZED_PNL' : 'DELIVERED_SETTELMENT',
      },
      { restMs },
    );
  }

  /** Catches up with the clock: bars that have closed since, the price of now, funding, and what is due. */
  settle(): void {
    const { market } = this.#parts;
    const nowMs = market.nowMs();
    for (const symbol of [...this.#followed.keys()]) {
      for (const bar of market.closedBars(symbol, this.#followed.get(symbol)!.nextOpenTimeMs)) {
        const closeTimeMs = bar.openTimeMs + BAR_MS;
        this.#payFunding(symbol, { untilMs: bar.openTimeMs, price: bar.open });
        this.stopBook.step(symbol, bar.openTimeMs);
        this.#finishForced(symbol, bar.openTimeMs);
        this.stopBook.reachBar(symbol, bar, closeTimeMs);
        this.book.reach(symbol, bar, closeTimeMs);
        this.#followed.set(symbol, { ...this.#followed.get(symbol)!, nextOpenTimeMs: closeTimeMs });
      }
      const price = market.lastPrice(symbol);
      this.#payFunding(symbol, { untilMs: nowMs, price });
      this.stopBook.step(symbol, nowMs);
      this.#finishForced(symbol, nowMs);
      this.stopBook.reachPrice(symbol, price, nowMs);
      this.book.reach(symbol, { low: price, high: price }, nowMs);
      this.stopBook.expireWithPosition(symbol, nowMs);
      this.#settleIfDue(symbol, nowMs);
      if (this.#isIdle(symbol)) this.#followed.delete(symbol);
    }
  }

  #settleIfDue(symbol: string, nowMs: number): void {
    const isDue = this.contract(symbol)!.deliveryDateMs <= nowMs;
    const settles = this.orders.open(symbol).some(({ autoClose }) => autoClose === 'SETTLEMENT');
    if (isDue && !settles && !this.#isIdle(symbol)) this.settleContract(symbol);
  }

  #finishForced(symbol: string, untilMs: number): void {
    for (const [orderId, { forced, dueAtMs }] of this.#forced) {
      if (forced.symbol !== symbol || dueAtMs > untilMs) continue;
      this.#forced.delete(orderId);
      this.book.finishForced(this.orders.get(orderId)!, forced, dueAtMs);
      this.stopBook.expireWithPosition(symbol, dueAtMs);
    }
  }

  #payFunding(symbol: string, { untilMs, price }: { untilMs: number; price: number }): void {
    const { costs, marks } = this.#parts;
    const followed = this.#followed.get(symbol)!;
    let atMs = (Math.floor(followed.fundedUntilMs / FUNDING_MS) + 1) * FUNDING_MS;
    for (; atMs <= untilMs; atMs += FUNDING_MS) {
      const mark = price * (1 + marks.offset(symbol, atMs));
      const value = Math.round(this.positions.net(symbol) * mark * MICRO);
      const amountE8 = -Math.round(value * costs.fundingRatePer8h) * E8_PER_MICRO;
      this.funds.credit({ symbol, incomeType: 'FUNDING_FEE', asset: 'USDT', amountE8, atMs, tradeId: '' });
    }
    this.#followed.set(symbol, { ...followed, fundedUntilMs: Math.max(followed.fundedUntilMs, untilMs) });
  }

  #follow(symbol: string): void {
    const nowMs = this.market.nowMs();
    if (this.#followed.has(symbol) || !this.market.lists(symbol)) return;
    this.#followed.set(symbol, {
      nextOpenTimeMs: Math.floor(nowMs / BAR_MS) * BAR_MS,
      fundedUntilMs: nowMs,
    });
  }

  #isIdle(symbol: string): boolean {
    return (
      this.positions.isFlat(symbol) &&
      this.stops.open(symbol).length === 0 &&
      this.orders.open(symbol).length === 0
    );
  }
}
