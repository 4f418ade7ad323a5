// A symbol that an evaluation skips, so that one unusable file of candles does not end the whole run.
/** Why a symbol is skipped: its candles cannot be used. `message` is one line. */
export interface SymbolProblem {
  readonly symbol: string;
  readonly message: string;
}
