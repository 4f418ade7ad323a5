// How long an approval to enter is good for. An approval must not outlive its reason, so the time is short and measured by a
// monotonic clock in the process that asked.

/** From asking the gate to the order leaving; later it does not leave. */
export const SEND_WINDOW_MS = 2_000;

/** An entry that arrives later than this after it was signed is refused by the exchange (`recvWindow`). */
export const ENTRY_WINDOW_MS = 2_000;

/** After the gate has closed, how long an order authorised before may still take to reach the exchange. */
export const ARRIVAL_AFTER_AUTHORISATION_MS = SEND_WINDOW_MS + ENTRY_WINDOW_MS;

/**
 * After this long an order that was written down is not sent any more. The position manager gives it up after ARRIVAL_MS_MAX
 * (60 s): a process that was stopped in between must not send what was given up.
 */
export const SEND_MS_MAX = 10_000;
