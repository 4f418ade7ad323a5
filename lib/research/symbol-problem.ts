/** Why a symbol is skipped: its candles cannot be used. `message` is one line. */
export interface SymbolProblem {
  readonly symbol: string;
  readonly message: string;
}
