// The account of a replay: the paper account, the ledger, the gate and the open positions, moved by the pure functions that move them
// behind their stores. What happens only when something goes wrong is not played here: it throws Unplayable, and the whole range is
// then traded by the use cases themselves.

import { invariant } from '../../core/invariant.ts';
import { MICRO } from '../../core/units.ts';
import { unrealisedMicroUsdt } from '../../execution/ledger/account-equity.ts';
import { type BookedLedger, bookOrder, newBookedLedger } from '../../execution/ledger/booked-ledger.ts';
import type { Ledger } from '../../execution/ledger/ledger.ts';
import type { EntryOrder, ReduceOrder } from '../../execution/order.ts';
import {
  endedOrders,
  newPaperAccount,
  type PaperAccount,
  type PaperOrder,
  walletOf,
  withoutOrders,
} from '../../execution/paper/paper-account.ts';
import {
  cancelOrder,
  followCandles,
  isReached,
  nextFundingMs,
  type PaperCosts,
  placeOrder,
} from '../../execution/paper/paper-matching.ts';
import { type ExitReason, isHorizonOver } from '../../execution/plan-protection.ts';
import { reduceOrder } from '../../execution/reduce-order.ts';
import { NO_COSTS, type TradedOrder, tradeOf } from '../../execution/trade-of.ts';
import { BAR_MS } from '../../market/candle.ts';
import { type CandleSeries, countUntil, lastPrice } from '../../market/candle-series.ts';
import { firstArmed } from '../../risk/breaker/state.ts';
import { commitToItem, type GateItem, type GatePlan, newGate, planRelease } from '../../risk/gate.ts';
import type { TradeRecord } from '../../risk/records.ts';
import type { RecordedFilters } from './recorded-filters.ts';

/** Something that the use cases deal with in ways that a replay has not. */
export class Unplayable extends Error {
  override readonly name = 'Unplayable';
}

interface ReplayedSymbol {
  readonly symbol: string;
  readonly series: CandleSeries;
}

/** An open position, or one whose exit is filled and which the position manager has not finalised yet. */
interface Holding {
  readonly index: number;
  readonly symbol: string;
  readonly series: CandleSeries;
  readonly entry: EntryOrder;
  readonly filled: PaperOrder;
  readonly stop: PaperOrder;
  readonly exitDueMs: number;
  readonly openedAtMs: number;
  /** Above zero long, below zero short. */
  readonly quantity: number;
  /** Of the position at the broker. */
  readonly entryPrice: number;
  /** Candles that have closed. */
  closed: number;
  fundingDueMs: number;
  exit: { readonly order: PaperOrder; readonly reason: ExitReason } | undefined;
}

export interface AccountTerms {
  readonly depositMicroUsdt: number;
  readonly costs: PaperCosts;
  readonly filters: RecordedFilters;
  readonly startMs: number;
  /** Called with every order that has ended. */
  readonly onOrder?: ((order: PaperOrder) => void) | undefined;
}

export class ReplayedAccount {
  readonly #symbols: readonly ReplayedSymbol[];
  readonly #terms: AccountTerms;
  readonly #holdings = new Map<number, Holding>();
  readonly #trades: TradeRecord[] = [];
  #paper: PaperAccount;
  #booked: BookedLedger;
  #gate: GateItem;

  constructor(symbols: readonly ReplayedSymbol[], terms: AccountTerms) {
    this.#symbols = symbols;
    this.#terms = terms;
    this.#paper = newPaperAccount(terms.depositMicroUsdt);
    this.#booked = newBookedLedger(terms.depositMicroUsdt, terms.startMs);
    this.#gate = newGate(firstArmed(terms.startMs));
  }

  get gate(): GateItem {
    return this.#gate;
  }

  get isFlat(): boolean {
    return this.#holdings.size === 0;
  }

  sideOf(symbol: number): 'BUY' | 'SELL' | undefined {
    return this.#holdings.get(symbol)?.entry.side;
  }

  /** Whether the symbol's exit is filled already. */
  isLeft(symbol: number): boolean {
    return this.#holdings.get(symbol)?.exit !== undefined;
  }

  /** The gate's write. @returns its denial */
  commit<Denial>(plan: GatePlan<Denial>): Denial | undefined {
    const written = commitToItem(this.#gate, plan);
    if (written.ok) this.#gate = written.value;
    else invariant(written.error !== 'gate_missing', 'the gate is there');
    return written.ok ? undefined : (written.error as Denial);
  }

  /** A lease as the breaker renews it; ids that nobody counts any more are forgotten, so that the item stays small. */
  renewGate(lease: Pick<GateItem, 'leaseUntilMs' | 'leaseCodeVersion'>): void {
    this.#gate = { ...this.#gate, ...lease, authorised: {} };
  }

  priceOf(symbol: number, nowMs: number): number {
    const { series } = this.#symbols[symbol]!;
    const closed = this.#holdings.get(symbol)?.closed ?? countUntil(series, nowMs - BAR_MS);
    return closed === 0 ? Number.NaN : lastPrice(series, closed, nowMs);
  }

  /** What the bar that has just closed did to stops and funding. @returns whether a position is gone */
  followBar(closeMs: number, nowMs: number): boolean {
    let hasClosed = false;
    for (const holding of this.#holdings.values()) {
      const { series, stop, symbol } = holding;
      const bar = holding.closed;
      const isThere = series.openTimeMs[bar] === closeMs - BAR_MS;
      const isFunding = holding.fundingDueMs <= closeMs;
      if (isThere) holding.closed++;
      else if (isFunding && this.#terms.costs.fundingRatePer8h !== 0)
        throw new Unplayable(`${symbol} has no candle at a time of funding`);
      else continue;
      const isHit = isReached(stop, {
        openTimeMs: closeMs - BAR_MS,
        low: series.low[bar]!,
        high: series.high[bar]!,
      });
      if (!isHit && !isFunding) continue;
      const { costs } = this.#terms;
      this.#paper = followCandles(this.#paper, symbol, { candles: series, costs, nowMs });
      holding.fundingDueMs = nextFundingMs(closeMs);
      if (!isHit) continue;
      this.#finalise(holding, this.#paper.orders[stop.clientOrderId]!, 'stop');
      hasClosed = true;
    }
    return hasClosed;
  }

  /** Wallet, and what open positions would bring at the prices of now. */
  equityMicroUsdt(nowMs: number): number {
    let equity = walletOf(this.#paper);
    for (const { exit, series, closed, quantity, entryPrice } of this.#holdings.values())
      if (exit === undefined)
        equity += unrealisedMicroUsdt({ quantity, entryPrice, price: lastPrice(series, closed, nowMs) });
    return equity;
  }

  /** Closes what has been open for its horizon. @returns whether there was any */
  leaveDue(nowMs: number): boolean {
    let hasLeft = false;
    for (const holding of this.#holdings.values()) {
      if (!isHorizonOver(holding, nowMs)) continue;
      this.#leave(holding, 'horizon', nowMs);
      hasLeft = true;
    }
    return hasLeft;
  }

  /** Closes a position that a signal is against. */
  leave(symbol: number, nowMs: number): void {
    this.#leave(this.#holdings.get(symbol)!, 'signal', nowMs);
  }

  #leave(holding: Holding, reason: ExitReason, nowMs: number): void {
    const { entry, quantity, index } = holding;
    const order = reduceOrder(entry, 'exit', Math.abs(quantity));
    holding.exit = { order: this.#place(order, index, nowMs), reason };
  }

  /** Opens a position that the gate has let through, with its stop. */
  enter(symbol: number, entry: EntryOrder, about: { nowMs: number; exitDueMs: number }): void {
    const { nowMs } = about;
    const { series } = this.#symbols[symbol]!;
    const filled = this.#place(entry, symbol, nowMs);
    const stop = this.#place(reduceOrder(entry, 'stop', filled.filledQuantity), symbol, nowMs);
    const { quantity, costMicroUsdt } = this.#paper.ledger.positions[entry.symbol]!;
    this.#book(filled);
    this.#holdings.set(symbol, {
      ...{ index: symbol, symbol: entry.symbol, series, entry, filled, stop, quantity },
      entryPrice: costMicroUsdt / quantity / MICRO,
      exitDueMs: about.exitDueMs,
      openedAtMs: nowMs,
      closed: countUntil(series, nowMs - BAR_MS),
      fundingDueMs: nextFundingMs(nowMs),
      exit: undefined,
    });
  }

  /** Ends the trades whose exits are filled. */
  settle(nowMs: number): void {
    for (const holding of this.#holdings.values()) {
      if (holding.exit === undefined) continue;
      this.#paper = cancelOrder(this.#paper, holding.stop.clientOrderId, nowMs);
      this.#finalise(holding, holding.exit.order, holding.exit.reason);
    }
  }

  #place(order: EntryOrder | ReduceOrder, symbol: number, nowMs: number): PaperOrder {
    const { filters, costs } = this.#terms;
    filters.ask(nowMs);
    const market = { price: this.priceOf(symbol, nowMs), filters: filters.of(symbol), costs, nowMs };
    const placed = placeOrder(this.#paper, order, market);
    if (!placed.ok) throw new Unplayable(`${order.symbol}: an order is refused: ${placed.error}`);
    this.#paper = placed.value;
    return this.#putAway(order.clientOrderId);
  }

  /** The order as it stands; ended ones are put away. */
  #putAway(clientOrderId: string): PaperOrder {
    const order = this.#paper.orders[clientOrderId]!;
    const ended = endedOrders(this.#paper);
    if (ended.length > 0) this.#paper = withoutOrders(this.#paper, ended);
    if (this.#terms.onOrder !== undefined) ended.forEach(this.#terms.onOrder);
    return order;
  }

  #book({ clientOrderId, symbol, side, filledQuantity, averagePrice, feeMicroUsdt }: PaperOrder): void {
    const fills = { clientOrderId, symbol, side, filledQuantity, averagePrice, feeMicroUsdt };
    this.#booked = { ...bookOrder(this.#booked, fills), orders: {} };
  }

  #finalise(holding: Holding, last: PaperOrder, note: ExitReason | 'stop'): void {
    const { entry, filled, openedAtMs, symbol } = holding;
    this.#book(last);
    this.#putAway(last.clientOrderId);
    const { ensembleId } = entry;
    const legs = [tradedOrder(last, { leg: note === 'stop' ? 'stop' : 'exit', note, ensembleId })];
    const opening = tradedOrder(filled, { leg: 'entry', note: '', ensembleId });
    this.#trades.push(tradeOf({ entry: opening, legs, position: { openedAtMs } }, NO_COSTS));
    const { clientOrderId, notionalMicroUsdt } = entry;
    const denial = this.commit(planRelease({ symbol, clientOrderId, notionalMicroUsdt }));
    invariant(denial === undefined, `the reservation of ${symbol} is gone`);
    this.#holdings.delete(holding.index);
  }

  /** In order of closing, of symbols where several closed at once. */
  trades(): TradeRecord[] {
    return this.#trades.sort((a, b) => a.closedAtMs - b.closedAtMs || (a.symbol < b.symbol ? -1 : 1));
  }

  /** Orders that are still open. */
  openOrders(): PaperOrder[] {
    return Object.values(this.#paper.orders);
  }

  open(nowMs: number) {
    return [...this.#holdings.values()]
      .map(({ symbol, entry, openedAtMs, filled, series, closed }) => ({
        symbol,
        side: entry.side,
        openedAtMs,
        quantity: filled.filledQuantity,
        entryPrice: filled.averagePrice!,
        stopPrice: entry.stopPrice,
        markPrice: lastPrice(series, closed, nowMs),
      }))
      .sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
  }

  /** What is booked, with the funding that the broker has listed. */
  ledger(): Ledger {
    const { ledger } = this.#booked;
    const { fundingMicroUsdt } = this.#paper.ledger;
    return { ...ledger, fundingMicroUsdt, cashMicroUsdt: ledger.cashMicroUsdt + fundingMicroUsdt };
  }
}

/** A paper order as the record that trades are told from. */
function tradedOrder(
  order: PaperOrder,
  about: Pick<TradedOrder, 'leg' | 'note' | 'ensembleId'>,
): TradedOrder {
  const { clientOrderId, symbol, side, filledQuantity, averagePrice, feeMicroUsdt, updatedAtMs } = order;
  invariant(averagePrice !== null && filledQuantity > 0, `order ${clientOrderId} has filled nothing`);
  return {
    ...{ clientOrderId, symbol, side, ...about, updatedAtMs, filledAtMs: updatedAtMs },
    state: { status: 'filled', quantity: filledQuantity, filledQuantity, averagePrice },
    bookedFeeMicroUsdt: feeMicroUsdt,
  };
}
