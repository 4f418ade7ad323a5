// What trips the circuit breaker. Closed.

/** Closed list of what trips the breaker. */
export const TRIP_CAUSES = {
  drawdown: 'equity is too far below its high-water mark',
  daily_loss: 'the loss of this UTC day is too large',
  stop_hits: 'too many stop-losses were hit in a short time',
  signals_stale: 'no fresh signals',
  feature_mismatch: 'a model met another feature set than its own',
  too_few_models: 'fewer than 2 models are loaded',
  low_consensus: 'the models disagree',
  order_rejections: 'the exchange rejects orders',
  reconciliation: 'exchange and ledger differ',
  unprotected_position: 'a position has no stop',
  position_manager_silent: 'the position manager has shown no sign of life',
  evidence_unreadable: 'a condition cannot be evaluated',
  operator: 'an operator tripped it',
  state_lost: "the breaker's own state is gone",
} as const;

export type TripCauseCode = keyof typeof TRIP_CAUSES;

export interface TripCause {
  readonly code: TripCauseCode;
  /** One line for the operator: what was seen. */
  readonly message: string;
}

export const cause = (code: TripCauseCode, message: string = TRIP_CAUSES[code]): TripCause => ({
  code,
  message,
});
