// What an account holds of each symbol, at which cost. Its own arithmetic, in whole micro-USDT: an oracle must not share the
// ledger of what it examines.
import { MICRO } from '../../../lib/core/units.ts';
import { type AsOf, History } from './history.ts';

export type Side = 'BUY' | 'SELL';
/** BOTH in one-way mode; in hedge mode a symbol has two positions. */
export type PositionSide = 'BOTH' | 'LONG' | 'SHORT';

export interface Position {
  readonly symbol: string;
  readonly positionSide: PositionSide;
  /** Above zero long, below zero short, zero flat. */
  readonly quantity: number;
  /** What was paid for it; below zero for a short. */
  readonly costMicroUsdt: number;
  readonly changedAtMs: number;
}

interface Fill {
  readonly symbol: string;
  /** @default BOTH */
  readonly positionSide?: PositionSide;
  readonly side: Side;
  readonly quantity: number;
  readonly price: number;
  readonly atMs: number;
}

const SIDES = ['BOTH', 'LONG', 'SHORT'] as const;

const keyOf = (symbol: string, positionSide: PositionSide): string =>
  positionSide === 'BOTH' ? symbol : `${symbol} ${positionSide}`;

export class Positions {
  readonly #history = new History<string, Position>();

  quantity(symbol: string, positionSide: PositionSide = 'BOTH'): number {
    return this.#history.get(keyOf(symbol, positionSide))?.quantity ?? 0;
  }

  /** Long less short. */
  net(symbol: string): number {
    return exact(SIDES.reduce((sum, positionSide) => sum + this.quantity(symbol, positionSide), 0));
  }

  isFlat(symbol: string): boolean {
    return SIDES.every((positionSide) => this.quantity(symbol, positionSide) === 0);
  }

  /** Of every symbol that was ever held, flat ones too. */
  all(asOf?: AsOf): Position[] {
    return this.#history.values(asOf);
  }

  /** What an order of that side can reduce. */
  reducible(symbol: string, side: Side, positionSide: PositionSide = 'BOTH'): number {
    const held = this.quantity(symbol, positionSide);
    return Math.max(0, side === 'SELL' ? held : -held);
  }

  /** Books a fill; what it realises, in micro-USDT. */
  book({ symbol, positionSide = 'BOTH', side, quantity, price, atMs }: Fill): number {
    const key = keyOf(symbol, positionSide);
    const before = this.#history.get(key) ?? { quantity: 0, costMicroUsdt: 0 };
    const signed = side === 'BUY' ? quantity : -quantity;
    const cost = Math.round(signed * price * MICRO);
    const after = exact(before.quantity + signed);
    const keep = (costMicroUsdt: number): void => {
      const about = { symbol, positionSide, quantity: after };
      this.#history.keep(key, atMs, { ...about, costMicroUsdt, changedAtMs: atMs });
    };
    if (before.quantity === 0 || Math.sign(before.quantity) === Math.sign(signed)) {
      keep(before.costMicroUsdt + cost);
      return 0;
    }
    const closing = Math.min(quantity, Math.abs(before.quantity));
    const closedCost = Math.round((before.costMicroUsdt * closing) / Math.abs(before.quantity));
    const proceeds = Math.round((-cost * closing) / quantity);
    keep(after === 0 ? 0 : before.costMicroUsdt - closedCost + cost + proceeds);
    return proceeds - closedCost;
  }

  /** The same value in another scale of the price. */
  redenominate(symbol: string, { factor, atMs }: { factor: number; atMs: number }): void {
    const held = this.#history.get(symbol);
    if (held === undefined) return;
    this.#history.keep(symbol, atMs, { ...held, quantity: exact(held.quantity / factor), changedAtMs: atMs });
  }
}

/** Quantities have at most 8 decimals; no dust, and no second zero. */
export const exact = (quantity: number): number => Number(quantity.toFixed(8)) + 0;
