// Closed list of why a position is closed before its stop.

const EXIT_REASONS = {
  horizon: "the label's horizon is over",
  signal: 'a signal of the other side',
  emergency: 'an operator stopped everything',
  stop_rejected: 'the exchange refuses its stop',
  unprotected: 'it had no stop for too long',
  adopted: 'found on the exchange without a decision behind it',
  withdrawn: 'its entry was filled after the circuit breaker had withdrawn what allowed it',
} as const;
export type ExitReason = keyof typeof EXIT_REASONS;
