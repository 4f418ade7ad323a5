// An exchange whose every answer the test decides: what the paper broker and the simulated exchange never do on their own, such
// as half a fill, an order that is lost on its way, or one that is taken and never answered.

import { microUsdt } from '../../../lib/core/money.ts';
import { failure, type Result, success } from '../../../lib/core/result.ts';
import { bookFill, type Ledger, newLedger } from '../../../lib/execution/ledger/ledger.ts';
import type { EntryOrder, OrderSide, ReduceOrder } from '../../../lib/execution/order.ts';
import { PAPER_BRACKETS } from '../../../lib/execution/paper/paper-brackets.ts';
import type { Broker, Fill, Income, OpenOrder, OrderReport } from '../../../lib/execution/ports.ts';
import { RiskApproved } from '../../../lib/risk/gate.ts';

/** What becomes of a submitted order. */
export type Answer =
  | 'fill'
  /** Half of it is filled, the rest cancelled. */
  | 'half'
  /** Taken and answered, but filled only by `settle`. */
  | 'later'
  /** Half of it is filled; the rest stays open until `settle`. */
  | 'slow'
  /** Taken and filled, but the answer is lost. */
  | 'timeout'
  /** Never arrives, and no answer comes. */
  | 'lost'
  /** Never leaves, and that is known. */
  | 'unsent'
  | 'reject'
  /** Refused by a filter that has changed. */
  | 'filters';

interface Resting {
  readonly order: EntryOrder | ReduceOrder;
  report: OrderReport;
  fills: readonly Fill[];
}

const FEE = 0.0004;
const DEPOSIT_MICRO_USDT = 10_000_000_000;
const TICK = 0.01;

/** No exchange takes a stop at no price. */
const hasPrice = (order: EntryOrder | ReduceOrder): boolean =>
  order.kind === 'entry' || order.stopPrice === null || order.stopPrice > 0;

const isLive = ({ status }: OrderReport): boolean => status === 'open' || status === 'partially_filled';

export class ScriptedExchange {
  readonly #clock: { nowMs(): number };
  readonly #orders = new Map<string, Resting>();
  readonly prices = new Map<string, number>();
  /** Every order that was sent, whatever became of it. */
  readonly sent: (EntryOrder | ReduceOrder)[] = [];
  ledger: Ledger = newLedger(DEPOSIT_MICRO_USDT);
  answer: (order: EntryOrder | ReduceOrder) => Answer = () => 'fill';
  /** Nothing answers while set. */
  isDown = false;

  constructor(clock: { nowMs(): number }) {
    this.#clock = clock;
  }

  get walletMicroUsdt(): number {
    const { depositMicroUsdt, realisedMicroUsdt, feesMicroUsdt, fundingMicroUsdt } = this.ledger;
    return depositMicroUsdt + realisedMicroUsdt - feesMicroUsdt + fundingMicroUsdt;
  }

  get held(): ReadonlyMap<string, number> {
    return new Map(Object.entries(this.ledger.positions).map(([symbol, { quantity }]) => [symbol, quantity]));
  }

  openStops(symbol: string): readonly OrderReport[] {
    return [...this.#orders.values()]
      .map(({ report }) => report)
      .filter((report) => report.symbol === symbol && report.kind === 'stop' && report.status === 'open');
  }

  entries(symbol?: string): readonly EntryOrder[] {
    return this.sent.filter(
      (order): order is EntryOrder =>
        order.kind === 'entry' && (symbol === undefined || order.symbol === symbol),
    );
  }

  /** Fills what was left open by `later`. */
  settle(): void {
    for (const resting of this.#orders.values())
      if (resting.report.kind === 'market' && isLive(resting.report)) this.#fill(resting, 1);
  }

  /** A new price; stops that it reaches are filled. */
  move(symbol: string, price: number): void {
    this.prices.set(symbol, price);
    for (const resting of this.#orders.values()) {
      const { order, report } = resting;
      if (order.symbol !== symbol || report.kind !== 'stop' || report.status !== 'open') continue;
      const trigger = (order as ReduceOrder).stopPrice!;
      if (order.side === 'SELL' ? price <= trigger : price >= trigger) this.#fill(resting, 1);
    }
  }

  /** A trade that none of our orders made. */
  tradeByHand(fill: { symbol: string; side: OrderSide; quantity: number }): void {
    const price = this.prices.get(fill.symbol)!;
    const before = this.ledger.realisedMicroUsdt;
    this.ledger = bookFill(this.ledger, { ...fill, price, feeMicroUsdt: 0 });
    const id = `hand-${this.#income.length}`;
    this.#income.push({
      ...{ id, kind: 'realised', type: 'REALIZED_PNL', symbol: fill.symbol, asset: 'USDT', tradeId: id },
      ...{ amount: (this.ledger.realisedMicroUsdt - before) / 1e6, atMs: this.#clock.nowMs() },
    });
  }
  /** A stop that closes the position, and that none of our records names. */
  stopByHand({ symbol, stopPrice }: { symbol: string; stopPrice: number }): void {
    const side: OrderSide = (this.held.get(symbol) ?? 0) > 0 ? 'SELL' : 'BUY';
    const about = { symbol, side, clientOrderId: `ios_${this.#orders.size}`, quantity: null, stopPrice };
    this.#take({ kind: 'reduce', scope: 'paper', reduceOnly: true, ...about }, 'fill');
  }

  readonly #income: Income[] = [];

  /** Symbols whose brackets the exchange does not say. */
  withoutBrackets: readonly string[] = [];
  bracketsAreUnreadable = false;
  readonly bracketsAsked: { readonly symbols: readonly string[]; readonly sentBefore: number }[] = [];

  readonly broker: Broker = {
    scope: 'paper',
    prepare: async () => this.#unlessDown(undefined),
    submit: async (approved, { stillWanted } = {}) => {
      RiskApproved.verify(approved);
      const { order } = approved;
      if (stillWanted?.() === false) return { outcome: 'rejected', code: 'unsent', message: 'not sent' };
      const answer = this.isDown ? 'lost' : this.answer(order);
      if (answer === 'unsent')
        return { outcome: 'rejected', code: 'unsent', message: 'no room in the request limit' };
      if (!this.isDown) this.sent.push(order);
      if (answer === 'lost') return { outcome: 'unknown', message: 'no answer' };
      if (answer === 'filters' || !hasPrice(order))
        return { outcome: 'rejected', code: 'filters', message: 'not a multiple of the step' };
      if (
        order.quantity === null &&
        this.#open('stop').some((open) => open.symbol === order.symbol && open.closesPosition)
      )
        return { outcome: 'rejected', code: 'close_stop_exists', message: 'one is there' };
      if (answer === 'reject' || !this.#take(order, answer))
        return { outcome: 'rejected', code: 'other', message: 'refused' };
      if (answer === 'timeout') return { outcome: 'unknown', message: 'no answer' };
      return { outcome: 'acknowledged', report: this.#orders.get(order.clientOrderId)?.report };
    },
    find: async ({ clientOrderId }) => this.#unlessDown(this.#orders.get(clientOrderId)?.report),
    openOrders: async () => this.#unlessDown({ rows: this.#open('market'), problems: [] }),
    openStops: async () => this.#unlessDown({ rows: this.#open('stop'), problems: [] }),
    cancel: async ({ clientOrderId }) => {
      const resting = this.#orders.get(clientOrderId);
      if (!this.isDown && resting?.report.status === 'open')
        resting.report = { ...resting.report, status: 'cancelled', updatedAtMs: this.#clock.nowMs() };
      return this.#unlessDown(undefined);
    },
    cancelAll: async (symbol) => {
      for (const { report } of this.#orders.values())
        if (report.symbol === symbol) await this.broker.cancel(report);
      return this.#unlessDown(undefined);
    },
    positions: async () =>
      this.#unlessDown({
        rows: Object.entries(this.ledger.positions).map(([symbol, { quantity, costMicroUsdt }]) => ({
          symbol,
          quantity,
          entryPrice: costMicroUsdt / quantity / 1e6,
          markPrice: this.prices.get(symbol)!,
        })),
        problems: [],
      }),
    walletMicroUsdt: async () => this.#unlessDown(this.walletMicroUsdt),
    prices: async (symbols) =>
      this.#unlessDown(
        new Map(
          symbols.flatMap((symbol) => (this.prices.has(symbol) ? [[symbol, this.prices.get(symbol)!]] : [])),
        ),
      ),
    filters: async () =>
      this.#unlessDown(
        new Map(
          [...this.prices.keys()].map((symbol) => [
            symbol,
            { tickSize: TICK, stepSize: 0.001, minQuantity: 0.001, maxQuantity: 1e6, minNotionalUsdt: 5 },
          ]),
        ),
      ),
    fills: async ({ clientOrderId }) => this.#unlessDown(this.#orders.get(clientOrderId)?.fills ?? []),
    incomeSince: async (sinceMs) =>
      this.#unlessDown({ rows: this.#income.filter(({ atMs }) => atMs >= sinceMs), problems: [] }),
    leverageBrackets: async (symbols) => {
      this.bracketsAsked.push({ symbols, sentBefore: this.sent.length });
      const said = symbols.filter((symbol) => !this.withoutBrackets.includes(symbol));
      const tables = new Map(said.map((symbol) => [symbol, PAPER_BRACKETS]));
      const error = { code: 'invalid_response', message: 'no list', retryable: true } as const;
      return this.bracketsAreUnreadable ? failure(error) : this.#unlessDown(tables);
    },
    forcedClosing: async () => this.#unlessDown(undefined),
  };

  #open(kind: OrderReport['kind']): OpenOrder[] {
    return [...this.#orders.values()]
      .filter(({ report }) => report.kind === kind && isLive(report))
      .map(({ order, report }) => ({
        symbol: order.symbol,
        clientOrderId: order.clientOrderId,
        kind,
        side: order.side,
        quantity: report.quantity,
        stopPrice: order.kind === 'reduce' ? order.stopPrice : null,
        reducesOnly: order.kind === 'reduce',
        closesPosition: order.quantity === null,
      }));
  }

  #unlessDown<T>(value: T): Result<T, { code: 'unavailable'; message: string; retryable: boolean }> {
    return this.isDown
      ? failure({ code: 'unavailable' as const, message: 'down', retryable: true })
      : success(value);
  }

  #take(order: EntryOrder | ReduceOrder, answer: Answer): boolean {
    // An id that is there already: an exchange refuses it, and it should never have been sent.
    if (this.#orders.has(order.clientOrderId)) return false;
    const isStop = order.kind === 'reduce' && order.stopPrice !== null;
    if (order.kind === 'reduce' && this.#reducible(order) === 0) return false;
    const { symbol, clientOrderId, quantity } = order;
    const report: OrderReport = {
      symbol,
      clientOrderId,
      kind: isStop ? 'stop' : 'market',
      status: 'open',
      quantity,
      filledQuantity: 0,
      averagePrice: null,
      filledAtMs: null,
      updatedAtMs: this.#clock.nowMs(),
    };
    const resting: Resting = { order, report, fills: [] };
    this.#orders.set(clientOrderId, resting);
    if (!isStop && answer !== 'later') this.#fill(resting, answer === 'half' || answer === 'slow' ? 0.5 : 1);
    if (answer === 'slow' && resting.report.filledQuantity > 0)
      resting.report = { ...resting.report, status: 'partially_filled' };
    return true;
  }

  #reducible({ symbol, side }: ReduceOrder): number {
    const held = this.held.get(symbol) ?? 0;
    return Math.max(0, side === 'SELL' ? held : -held);
  }

  #fill(resting: Resting, fraction: number): void {
    const { order, report } = resting;
    const { symbol, side } = order;
    const before = report.filledQuantity;
    const ordered = order.quantity ?? Math.abs(this.held.get(symbol) ?? 0);
    const wanted = Math.floor((ordered * fraction - before) * 1000 + 1e-6) / 1000;
    const quantity = order.kind === 'reduce' ? Math.min(wanted, this.#reducible(order)) : wanted;
    const price = this.prices.get(symbol)!;
    const updatedAtMs = this.#clock.nowMs();
    if (quantity === 0) {
      resting.report = { ...report, status: 'cancelled', updatedAtMs };
      return;
    }
    const feeMicroUsdt = microUsdt(quantity * price * FEE);
    const realisedBefore = this.ledger.realisedMicroUsdt;
    this.ledger = bookFill(this.ledger, { symbol, side, quantity, price, feeMicroUsdt });
    const fill: Fill = {
      tradeId: `${order.clientOrderId}-${resting.fills.length}`,
      quantity,
      price,
      fee: { asset: 'USDT', amount: feeMicroUsdt / 1e6 },
      realisedMicroUsdt: this.ledger.realisedMicroUsdt - realisedBefore,
      atMs: updatedAtMs,
    };
    resting.fills = [...resting.fills, fill];
    const filledQuantity = Number((before + quantity).toFixed(3));
    resting.report = {
      ...report,
      status: filledQuantity < ordered ? 'cancelled' : 'filled',
      filledQuantity,
      averagePrice: (before * (report.averagePrice ?? 0) + quantity * price) / filledQuantity,
      filledAtMs: updatedAtMs,
      updatedAtMs,
    };
  }
}
