// What is sent to a broker: an entry, which adds exposure and has to pass the gate, or a reduction, which cannot add any.

import type { Scope } from '../risk/gate.ts';

export type OrderSide = 'BUY' | 'SELL';
/** Of an account in hedge mode a symbol has two positions. */
export type HedgeSide = 'LONG' | 'SHORT';

interface OrderCommon {
  readonly scope: Scope;
  readonly clientOrderId: string;
  readonly symbol: string;
  readonly side: OrderSide;
}

/** A market order that opens a position. */
export interface EntryOrder extends OrderCommon {
  readonly kind: 'entry';
  /** In the base asset, a multiple of the symbol's step. */
  readonly quantity: number;
  readonly barOpenTimeMs: number;
  readonly ensembleId: string;
  /** What the order was sized and checked at. */
  readonly referencePrice: number;
  /** quantity × referencePrice, rounded up: what the gate counts. */
  readonly notionalMicroUsdt: number;
  /** Side × notional × the symbol's beta to Bitcoin: likewise. */
  readonly betaMicroUsdt: number;
  /** Trigger of the stop that goes with it, a multiple of the symbol's tick. */
  readonly stopPrice: number;
}

/** Reduce-only: a stop when it has a trigger, else a market exit. */
export interface ReduceOrder extends OrderCommon {
  readonly kind: 'reduce';
  readonly reduceOnly: true;
  /** In the base asset, a multiple of the symbol's step; null, of a stop alone: it closes whatever is held when it triggers. */
  readonly quantity: number | null;
  readonly stopPrice: number | null;
  /** Which position it reduces, in hedge mode: there, an order against its position can only reduce it. @default one-way mode */
  readonly hedgeSide?: HedgeSide;
}

/** An order of a known size. */
export type SizedOrder = (EntryOrder | ReduceOrder) & { readonly quantity: number };
