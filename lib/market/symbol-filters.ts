// What an exchange demands of the orders of one symbol.

/** What an exchange demands of a symbol's orders. */
export interface SymbolFilters {
  readonly tickSize: number;
  readonly stepSize: number;
  readonly minQuantity: number;
  readonly maxQuantity: number;
  readonly minNotionalUsdt: number;
}
