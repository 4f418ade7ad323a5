// What others do during a rehearsal. The exchange changes filters and tears mark prices away from last prices on any day; acts on
// the account itself come only where they are wanted, one at a time, while the circuit breaker is armed.

import { MINUTE_MS } from '../../lib/core/units.ts';
import { roundToStep } from '../../lib/execution/round-to-step.ts';
import type { SimulatedExchange } from '../exchange/simulated-exchange.ts';
import { type Draw, oneOf, seededDraw } from './fault-plan.ts';

export interface ExternalAct {
  readonly atMs: number;
  readonly what: string;
  /** '' where no symbol is concerned. */
  readonly symbol: string;
}

const CHANGE_EVERY_MS = 17 * MINUTE_MS;
const ACT_EVERY_MS = 50 * MINUTE_MS;

type Held = { readonly symbol: string; readonly quantity: number };
const closingSide = ({ quantity }: Held) => (quantity > 0 ? ('SELL' as const) : ('BUY' as const));

/** Of the account, in turn; each on a position that is held. */
const ACTS: readonly {
  readonly what: string;
  act(exchange: SimulatedExchange, held: Held): void;
}[] = [
  { what: 'liquidated', act: ({ external }, { symbol }) => void external.liquidate({ symbol }) },
  {
    what: 'closed by hand',
    act: ({ external }, held) =>
      void external.marketOrder({
        ...{ symbol: held.symbol, side: closingSide(held), quantity: Math.abs(held.quantity) },
        reduceOnly: true,
      }),
  },
  {
    what: 'deleveraged',
    act: ({ external }, { symbol }) => void external.deleverage({ symbol, restMs: 2_000 }),
  },
  {
    what: 'turned around by hand',
    // In two orders: twice the quantity may be more than one may have.
    act: ({ external }, held) => {
      const once = { symbol: held.symbol, side: closingSide(held), quantity: Math.abs(held.quantity) };
      for (const order of [once, once]) external.marketOrder(order);
    },
  },
];

export class ExternalPlan {
  readonly acts: ExternalAct[] = [];
  readonly changes: ExternalAct[] = [];
  readonly #draw: Draw;
  readonly #exchange: SimulatedExchange;
  readonly #symbols: readonly string[];
  readonly #withActs: boolean;
  #changeDueMs: number;
  #actDueMs: number;
  #torn: string | undefined;

  constructor(
    context: { exchange: SimulatedExchange; symbols: readonly string[]; seed: number; startMs: number },
    withActs: boolean,
  ) {
    this.#exchange = context.exchange;
    this.#symbols = context.symbols;
    this.#withActs = withActs;
    this.#draw = seededDraw(context.seed);
    this.#changeDueMs = context.startMs + CHANGE_EVERY_MS;
    this.#actDueMs = context.startMs + ACT_EVERY_MS;
  }

  /** What is due at this moment. */
  act(nowMs: number, { isArmed }: { isArmed: boolean }): void {
    const { positions } = this.#exchange.truth()!;
    if (nowMs >= this.#changeDueMs) this.#change(nowMs, positions);
    const tradable = positions.filter((held) => this.#isOnGrid(held));
    if (this.#withActs && isArmed && nowMs >= this.#actDueMs && tradable.length > 0) {
      const held = oneOf(this.#draw, tradable);
      const { what, act } = ACTS[this.acts.length % ACTS.length]!;
      act(this.#exchange, held);
      this.acts.push({ atMs: nowMs, what, symbol: held.symbol });
      this.#actDueMs = nowMs + ACT_EVERY_MS;
    }
  }

  /** A rest finer than a changed step can be traded by nobody. */
  #isOnGrid({ symbol, quantity }: Held): boolean {
    const { stepSize } = this.#exchange.contract(symbol)!;
    return roundToStep(Math.abs(quantity), stepSize, 'down') === Math.abs(quantity);
  }

  /** Filters of one contract, or the mark price of another, in turn; a torn mark price is let go at the next change. */
  #change(nowMs: number, positions: readonly Held[]): void {
    const { external } = this.#exchange;
    const among = positions.length > 0 ? positions.map(({ symbol }) => symbol) : this.#symbols;
    const symbol = oneOf(this.#draw, among);
    if (this.#torn !== undefined) external.changeMark({ symbol: this.#torn, offsetBps: null });
    this.#torn = undefined;
    if (this.changes.length % 2 === 0) {
      const { tickSize, stepSize } = this.#exchange.contract(symbol)!;
      const isTick = this.#draw() < 0.5;
      external.changeFilters({
        symbol,
        ...(isTick ? { tickSize: tenfold(tickSize) } : { stepSize: tenfold(stepSize) }),
      });
      this.changes.push({ atMs: nowMs, what: isTick ? 'tick × 10' : 'step × 10', symbol });
    } else {
      const offsetBps = this.#draw() < 0.5 ? 60 : -60;
      external.changeMark({ symbol, offsetBps });
      this.#torn = symbol;
      this.changes.push({ atMs: nowMs, what: `mark ${offsetBps} bps from last`, symbol });
    }
    this.#changeDueMs = nowMs + CHANGE_EVERY_MS;
  }
}

/** 0.000001 × 10 is 0.000009999999999999999: no exchange has such a tick. */
const tenfold = (size: number): number => Number((size * 10).toPrecision(12));
