// Why a symbol has no row, and so no signal, for a bar. The list is closed: training drops the rows that serving would
// abstain from, by the same codes.

export const ABSTENTION_REASONS = {
  stale: 'the newest closed bar is missing',
  gap_recent: 'a filled bar stands among the last 12',
  gap_too_long: 'more than 72 bars in a row are missing within the window',
  insufficient_history: 'fewer bars than the features need',
  illiquid: 'fewer than 72 of the last 288 bars moved',
  price_scale_changed: 'the price jumped to another scale within the window, as after a redenomination',
  not_listed: 'the exchange does not list the symbol',
  invalid_candle: 'the exchange sent an invalid candle',
  exchange_unavailable: 'the exchange did not answer, or refused',
  no_ensemble: 'the active ensemble could not be read',
  internal_error: 'a check inside the system failed for this symbol',
} as const;

export type AbstentionReason = keyof typeof ABSTENTION_REASONS;

export interface Abstention {
  readonly symbol: string;
  readonly barOpenTimeMs: number;
  readonly abstained: AbstentionReason;
  /** One line for the operator: what was seen. */
  readonly message: string;
}
