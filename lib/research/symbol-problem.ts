// Why research over many symbols skips one of them: its candles cannot be used.

export interface SymbolProblem {
  readonly symbol: string;
  /** One line. */
  readonly message: string;
}
