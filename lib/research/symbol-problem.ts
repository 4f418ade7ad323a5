// Why research over many symbols skips one of them: its candles cannot be used.

export interface SymbolProblem {
  readonly symbol: string;
  /** One line. */
  readonly message: string;
}

/** Why nothing could be read, in one line. */
export const describeNothing = (reasons: readonly string[], problems: readonly SymbolProblem[]): string =>
  [...reasons, ...problems.map(({ symbol, message }) => `${symbol}: ${message}`)].join(', ') ||
  'the range holds no bar';
