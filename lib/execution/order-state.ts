// The life of an order. What the exchange has not confirmed is `unknown`, a state of its own: it is looked up, never guessed
// and never sent again.
import * as z from 'zod';
import { MINUTE_MS } from '../core/units.ts';

/** Nothing is filled: there is no price. */
const unfilledSchema = z.strictObject({
  status: z.enum([
    /** Through the gate and written down; whether it was sent is not known after a crash. */
    'authorised',
    'acknowledged',
    'rejected',
    'cancelled',
    /** Sent, but without an answer: timeout, 5xx, connection reset. */
    'unknown',
  ]),
  /** Ordered, in the base asset. */
  quantity: z.number().positive(),
  filledQuantity: z.literal(0),
  averagePrice: z.null(),
});

const filledSchema = z.strictObject({
  status: z.enum(['partially_filled', 'filled', 'cancelled', 'unknown']),
  quantity: z.number().positive(),
  /** So far; never falls. */
  filledQuantity: z.number().positive(),
  /** Of what is filled. */
  averagePrice: z.number().positive(),
});

export const orderStateSchema = z.union([unfilledSchema, filledSchema]);
export type OrderState = Readonly<z.infer<typeof orderStateSchema>>;
export type OrderStatus = OrderState['status'];

export type OrderEvent =
  | { readonly kind: 'acknowledged' }
  | { readonly kind: 'rejected' }
  | { readonly kind: 'outcome_unknown' }
  /** Cumulative, as exchanges report it. */
  | { readonly kind: 'filled'; readonly filledQuantity: number; readonly averagePrice: number }
  | { readonly kind: 'cancelled' }
  /** Looked up by its client order id and not there. */
  | { readonly kind: 'not_found'; readonly sinceSubmitMs: number };

/** Closed list of what should not happen, but was seen; each is a reconciliation difference. */
const ORDER_ANOMALIES = {
  fill_invalid: 'a fill without a sensible quantity or price',
  fill_after_end: 'a fill of an order that was rejected or cancelled',
  overfilled: 'more was filled than ordered',
  vanished: 'the exchange no longer knows an order that it had acknowledged',
  end_contradicted: 'an order that had ended is reported otherwise',
} as const;
export type OrderAnomaly = keyof typeof ORDER_ANOMALIES;

export interface OrderTransition {
  readonly previous: OrderState;
  readonly current: OrderState;
  readonly anomaly: OrderAnomaly | undefined;
}

/** After this long an order that the exchange does not know cannot be on its way any more. */
export const ARRIVAL_MS_MAX = MINUTE_MS;

/** `filled`, `rejected` and `cancelled` are final: no event leads out of them, though a late fill is still counted. */
export const isFinal = (status: OrderStatus): boolean =>
  status === 'filled' || status === 'rejected' || status === 'cancelled';

export const newOrderState = (quantity: number) =>
  ({ status: 'authorised', quantity, filledQuantity: 0, averagePrice: null }) as const satisfies OrderState;

type Outcome = Omit<OrderTransition, 'previous'>;

function filled(state: OrderState, event: Extract<OrderEvent, { kind: 'filled' }>): Outcome {
  const { filledQuantity, averagePrice } = event;
  const valid =
    Number.isFinite(filledQuantity) &&
    Number.isFinite(averagePrice) &&
    filledQuantity > 0 &&
    averagePrice > 0;
  if (!valid) return { current: state, anomaly: 'fill_invalid' };
  // Reports may arrive late and out of order.
  if (filledQuantity <= state.filledQuantity) return { current: state, anomaly: undefined };
  const complete = filledQuantity >= state.quantity;
  const counted = { quantity: state.quantity, filledQuantity, averagePrice };
  if (filledQuantity > state.quantity)
    return { current: { ...counted, status: 'filled' }, anomaly: 'overfilled' };
  if (!isFinal(state.status)) {
    return { current: { ...counted, status: complete ? 'filled' : 'partially_filled' }, anomaly: undefined };
  }
  // What was filled is real, whatever was said before. A cancelled order may have raced with its last fill.
  return { current: { ...counted, status: complete ? 'filled' : 'cancelled' }, anomaly: 'fill_after_end' };
}

/** Ends an order without a further fill; nothing but a repetition may follow. */
function ended(state: OrderState, status: 'rejected' | 'cancelled'): Outcome {
  if (state.status === status || state.status === 'filled') return { current: state, anomaly: undefined };
  if (isFinal(state.status)) return { current: state, anomaly: 'end_contradicted' };
  // A rejection of what has partly filled is a cancellation of the rest.
  const current: OrderState =
    state.averagePrice === null ? { ...state, status } : { ...state, status: 'cancelled' };
  return { current, anomaly: undefined };
}

function notFound(state: OrderState, sinceSubmitMs: number): Outcome {
  if (state.status === 'acknowledged' || state.status === 'partially_filled') {
    // Lookups lag the acknowledgement.
    if (sinceSubmitMs <= ARRIVAL_MS_MAX) return { current: state, anomaly: undefined };
    return { current: { ...state, status: 'unknown' }, anomaly: 'vanished' };
  }
  const waiting = state.status === 'authorised' || state.status === 'unknown';
  if (!waiting) return { current: state, anomaly: undefined };
  // It may have been filled in part before it became unknown: then it did arrive.
  if (state.averagePrice !== null) return { current: state, anomaly: 'vanished' };
  const lost = sinceSubmitMs > ARRIVAL_MS_MAX;
  return { current: { ...state, status: lost ? 'rejected' : 'unknown' }, anomaly: undefined };
}

function outcome(state: OrderState, event: OrderEvent): Outcome {
  const open = state.status === 'authorised' || state.status === 'unknown';
  switch (event.kind) {
    case 'filled':
      return filled(state, event);
    case 'rejected':
    case 'cancelled':
      return ended(state, event.kind);
    case 'not_found':
      return notFound(state, event.sinceSubmitMs);
    case 'outcome_unknown':
      // Doubt about a repeated request does not take back what is known.
      return { current: open ? { ...state, status: 'unknown' } : state, anomaly: undefined };
    case 'acknowledged': {
      if (state.status === 'rejected') return { current: state, anomaly: 'end_contradicted' };
      if (!open) return { current: state, anomaly: undefined };
      const current: OrderState =
        state.averagePrice === null
          ? { ...state, status: 'acknowledged' }
          : { ...state, status: 'partially_filled' };
      return { current, anomaly: undefined };
    }
  }
}

/** The order after an event, for any state and any event. Repeating an event changes nothing more. Never throws. */
export function advanceOrder(state: OrderState, event: OrderEvent): OrderTransition {
  return { previous: state, ...outcome(state, event) };
}
