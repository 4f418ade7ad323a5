// The account of a replay: orders, stops, positions and ledger, moved by the pure functions that move them
// behind their stores. What happens only when something goes wrong is not played here: it throws Unplayable, and the whole range is
// then traded by the use cases themselves.

import { invariant } from '../../core/invariant.ts';
import { MICRO } from '../../core/units.ts';
import { unrealisedMicroUsdt } from '../../execution/ledger/account-equity.ts';
import { type BookedLedger, bookOrder, newBookedLedger } from '../../execution/ledger/booked-ledger.ts';
import type { Ledger } from '../../execution/ledger/ledger.ts';
import type { EntryOrder, ReduceOrder } from '../../execution/order.ts';
import {
  newPaperAccount,
  type PaperAccount,
  type PaperOrder,
  walletOf,
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

/**
 * An open position, or one whose exit is filled and which the position manager has not finalised yet. It has a paper account and a
 * ledger of its own: what orders of one symbol do concerns no other, and money is whole numbers, so that the sums are the same.
 */
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
  paper: PaperAccount;
  booked: BookedLedger;
  /** Candles that have closed. */
  closed: number;
  fundingDueMs: number;
  exit: { readonly order: PaperOrder; readonly reason: ExitReason } | undefined;
}

/** What the trades that have ended have brought. */
interface Earned {
  realisedMicroUsdt: number;
  feesMicroUsdt: number;
  fundingMicroUsdt: number;
}

function addTo(earned: Earned, ledger: Earned): void {
  earned.realisedMicroUsdt += ledger.realisedMicroUsdt;
  earned.feesMicroUsdt += ledger.feesMicroUsdt;
  earned.fundingMicroUsdt += ledger.fundingMicroUsdt;
}

const NOTHING: Earned = { realisedMicroUsdt: 0, feesMicroUsdt: 0, fundingMicroUsdt: 0 };

export interface AccountTerms {
  readonly depositMicroUsdt: number;
  readonly costs: PaperCosts;
  readonly filters: RecordedFilters;
  /** Called with every order that has ended. */
  readonly onOrder?: ((order: PaperOrder) => void) | undefined;
}

export class ReplayedAccount {
  readonly #symbols: readonly ReplayedSymbol[];
  readonly #terms: AccountTerms;
  readonly #holdings = new Map<number, Holding>();
  readonly #trades: TradeRecord[] = [];
  /** At the broker, and in the ledger. */
  readonly #paid = { ...NOTHING };
  readonly #booked = { ...NOTHING };

  constructor(symbols: readonly ReplayedSymbol[], terms: AccountTerms) {
    this.#symbols = symbols;
    this.#terms = terms;
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

  priceOf(symbol: number, nowMs: number): number {
    const { series } = this.#symbols[symbol]!;
    const closed = this.#holdings.get(symbol)?.closed ?? countUntil(series, nowMs - BAR_MS);
    return closed === 0 ? Number.NaN : lastPrice(series, closed, nowMs);
  }

  /** What the bar that has just closed did to stops and funding. @returns entries of positions that are gone */
  followBar(closeMs: number, nowMs: number): readonly EntryOrder[] {
    const ended: EntryOrder[] = [];
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
      holding.paper = followCandles(holding.paper, symbol, { candles: series, costs, nowMs });
      holding.fundingDueMs = nextFundingMs(closeMs);
      if (!isHit) continue;
      const last = holding.paper.orders[stop.clientOrderId]!;
      this.#terms.onOrder?.(last);
      this.#finalise(holding, last, 'stop');
      ended.push(holding.entry);
    }
    return ended;
  }

  /** Wallet, and what open positions would bring at the prices of now. */
  equityMicroUsdt(nowMs: number): number {
    const { realisedMicroUsdt, feesMicroUsdt, fundingMicroUsdt } = this.#paid;
    let equity = this.#terms.depositMicroUsdt + realisedMicroUsdt - feesMicroUsdt + fundingMicroUsdt;
    for (const { paper, exit, series, closed, quantity, entryPrice } of this.#holdings.values()) {
      equity += walletOf(paper);
      if (exit === undefined)
        equity += unrealisedMicroUsdt({ quantity, entryPrice, price: lastPrice(series, closed, nowMs) });
    }
    return equity;
  }

  /** Closes what has been held for its time. @returns whether there was any */
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
    holding.paper = this.#place(holding.paper, order, index, nowMs);
    holding.exit = { order: holding.paper.orders[order.clientOrderId]!, reason };
    this.#terms.onOrder?.(holding.exit.order);
  }

  /** Opens a position that the gate has let through, with its stop. */
  enter(symbol: number, entry: EntryOrder, about: { nowMs: number; exitDueMs: number }): void {
    const { nowMs } = about;
    const { series } = this.#symbols[symbol]!;
    const entered = this.#place(newPaperAccount(0), entry, symbol, nowMs);
    const filled = entered.orders[entry.clientOrderId]!;
    const stop = reduceOrder(entry, 'stop', filled.filledQuantity);
    const paper = this.#place(entered, stop, symbol, nowMs);
    const { quantity, costMicroUsdt } = paper.ledger.positions[entry.symbol]!;
    this.#terms.onOrder?.(filled);
    this.#holdings.set(symbol, {
      index: symbol,
      symbol: entry.symbol,
      series,
      entry,
      filled,
      quantity,
      paper,
      stop: paper.orders[stop.clientOrderId]!,
      booked: bookOrder(newBookedLedger(0, nowMs), filled),
      entryPrice: costMicroUsdt / quantity / MICRO,
      exitDueMs: about.exitDueMs,
      openedAtMs: nowMs,
      closed: countUntil(series, nowMs - BAR_MS),
      fundingDueMs: nextFundingMs(nowMs),
      exit: undefined,
    });
  }

  /** Ends the trades whose exits are filled. @returns their entries */
  settle(nowMs: number): readonly EntryOrder[] {
    const ended: EntryOrder[] = [];
    for (const holding of this.#holdings.values()) {
      if (holding.exit === undefined) continue;
      const { clientOrderId } = holding.stop;
      holding.paper = cancelOrder(holding.paper, clientOrderId, nowMs);
      this.#terms.onOrder?.(holding.paper.orders[clientOrderId]!);
      this.#finalise(holding, holding.exit.order, holding.exit.reason);
      ended.push(holding.entry);
    }
    return ended;
  }

  #place(
    account: PaperAccount,
    order: EntryOrder | ReduceOrder,
    symbol: number,
    nowMs: number,
  ): PaperAccount {
    const { filters, costs } = this.#terms;
    filters.ask(nowMs);
    const market = { price: this.priceOf(symbol, nowMs), filters: filters.of(symbol), costs, nowMs };
    const placed = placeOrder(account, order, market);
    if (!placed.ok) throw new Unplayable(`${order.symbol}: an order is refused: ${placed.error}`);
    return placed.value;
  }

  #finalise(holding: Holding, last: PaperOrder, note: ExitReason | 'stop'): void {
    const { entry, filled, openedAtMs, paper } = holding;
    addTo(this.#paid, paper.ledger);
    const booked = bookOrder(holding.booked, last).ledger;
    addTo(this.#booked, { ...booked, fundingMicroUsdt: paper.ledger.fundingMicroUsdt });
    const { ensembleId } = entry;
    const legs = [tradedOrder(last, { leg: note === 'stop' ? 'stop' : 'exit', note, ensembleId })];
    const opening = tradedOrder(filled, { leg: 'entry', note: '', ensembleId });
    this.#trades.push(tradeOf({ entry: opening, legs, position: { openedAtMs } }, NO_COSTS));
    this.#holdings.delete(holding.index);
  }

  /** In order of closing, of symbols where several closed at once. */
  trades(): TradeRecord[] {
    return this.#trades.sort((a, b) => a.closedAtMs - b.closedAtMs || (a.symbol < b.symbol ? -1 : 1));
  }

  /** Orders that are still open. */
  openOrders(): PaperOrder[] {
    return [...this.#holdings.values()].map(({ stop }) => stop);
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
    const { depositMicroUsdt } = this.#terms;
    const total = { ...this.#booked };
    const positions: Record<string, Ledger['positions'][string]> = {};
    let costMicroUsdt = 0;
    for (const { symbol, booked, paper } of this.#holdings.values()) {
      addTo(total, { ...booked.ledger, fundingMicroUsdt: paper.ledger.fundingMicroUsdt });
      positions[symbol] = booked.ledger.positions[symbol]!;
      costMicroUsdt += positions[symbol].costMicroUsdt;
    }
    const { realisedMicroUsdt, feesMicroUsdt, fundingMicroUsdt } = total;
    const earned = realisedMicroUsdt - feesMicroUsdt + fundingMicroUsdt;
    return {
      depositMicroUsdt,
      cashMicroUsdt: depositMicroUsdt - costMicroUsdt + earned,
      ...total,
      positions,
    };
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
    clientOrderId,
    symbol,
    side,
    leg: about.leg,
    note: about.note,
    ensembleId: about.ensembleId,
    updatedAtMs,
    filledAtMs: updatedAtMs,
    state: { status: 'filled', quantity: filledQuantity, filledQuantity, averagePrice },
    bookedFeeMicroUsdt: feeMicroUsdt,
  };
}
