// What an account would be worth if it were closed there and then.
import { microUsdt } from '../../core/money.ts';

export interface MarkedHolding {
  /** Base asset; below zero for a short. */
  readonly quantity: number;
  readonly entryPrice: number;
  readonly price: number;
}

/** What a holding has gained or lost; each is rounded for itself, so that their order makes no difference. */
export const unrealisedMicroUsdt = ({ quantity, entryPrice, price }: MarkedHolding): number =>
  microUsdt(quantity * (price - entryPrice));

export const exposureMicroUsdt = ({ quantity, price }: Omit<MarkedHolding, 'entryPrice'>): number =>
  microUsdt(Math.abs(quantity) * price);
