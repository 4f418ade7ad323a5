// How an order leaves: written down first, sent once, and what became of it written down after. A process that dies anywhere
// in between leaves a record by which the position manager looks the order up; none is ever sent a second time.
import { invariant } from '../../core/invariant.ts';
import { microUsdt } from '../../core/money.ts';
import type { Clock } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { RiskApproved } from '../../risk/gate.ts';
import type { RiskStore } from '../../risk/ports.ts';
import type { ExternalPositions } from '../external-positions.ts';
import type { EntryOrder, ReduceOrder, SizedOrder } from '../order.ts';
import { advanceOrder, isFinal, newOrderState, type OrderEvent } from '../order-state.ts';
import type { Broker, BrokerError, Fill, OrderReference, OrderReport, RejectionCode } from '../ports.ts';
import type { OrderRecord } from '../records.ts';
import { SEND_MS_MAX } from '../send-window.ts';
import { executionRecords } from './execution-records.ts';

/** What everything that deals with orders of one scope needs. */
export interface ExecutionContext {
  readonly risk: RiskStore;
  readonly broker: Broker;
  readonly clock: Clock;
  /** @default adopt-and-close */
  readonly externalPositions?: ExternalPositions;
  /** Orders that this run has taken off the exchange, which lists may show for seconds yet. @default they are not remembered */
  readonly cancelledIds?: Set<string>;
  /** @default an account that differs is looked at again at once */
  readonly pause?: (durationMs: number) => Promise<unknown>;
}

/** How often a record is written anew because someone else wrote it in between. */
export const WRITE_ATTEMPTS_MAX = 8;
/** The exchange has not taken the order, and nothing is wrong with it: no refusal that counts, and no reason to close a position. */
const NOT_TAKEN: ReadonlySet<RejectionCode> = new Set(['unsent', 'overloaded', 'rate_limited']);
/** Finer than any exchange's step. */
const FILLS_TOLERANCE = 5e-9;

export const referenceOf = ({ symbol, clientOrderId, leg }: OrderRecord): OrderReference => ({
  symbol,
  clientOrderId,
  kind: leg === 'stop' ? 'stop' : 'market',
});

/** Nothing more can come of it, and what came is in the ledger. */
export const isSettled = ({ state, bookedQuantity }: OrderRecord): boolean =>
  isFinal(state.status) && bookedQuantity >= state.filledQuantity;

/** The record of an order that is about to be sent. */
export function newOrderRecord(
  order: SizedOrder,
  about: Pick<
    OrderRecord,
    'leg' | 'barOpenTimeMs' | 'ensembleId' | 'exitDueMs' | 'authorisedEpoch' | 'note'
  > & { nowMs: number },
): OrderRecord {
  const { nowMs, ...rest } = about;
  const { clientOrderId, symbol, side, quantity, stopPrice } = order;
  return {
    ...rest,
    clientOrderId,
    symbol,
    side,
    quantity,
    stopPrice,
    referencePrice: order.kind === 'entry' ? order.referencePrice : null,
    notionalMicroUsdt: order.kind === 'entry' ? order.notionalMicroUsdt : 0,
    state: newOrderState(quantity),
    filledAtMs: null,
    bookedQuantity: 0,
    bookedFeeMicroUsdt: 0,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
}

/** The record after events, in order, and the anomalies that they were. */
function advanceRecord(
  record: OrderRecord,
  events: readonly OrderEvent[],
  times: Pick<OrderRecord, 'filledAtMs' | 'updatedAtMs'>,
): { readonly record: OrderRecord; readonly anomalies: readonly string[] } {
  const anomalies: string[] = [];
  let state = record.state;
  for (const event of events) {
    const { current, anomaly } = advanceOrder(state, event);
    if (anomaly !== undefined) anomalies.push(anomaly);
    state = current;
  }
  const hasFilled = state.filledQuantity !== record.state.filledQuantity;
  if (!hasFilled && state.status === record.state.status) return { record, anomalies };
  const { updatedAtMs } = times;
  const filledAtMs = hasFilled ? times.filledAtMs : record.filledAtMs;
  return { record: { ...record, state, filledAtMs, updatedAtMs }, anomalies };
}

const timesOf = (report: OrderReport | undefined, nowMs: number) => ({
  filledAtMs: report?.filledAtMs ?? null,
  updatedAtMs: report?.updatedAtMs ?? nowMs,
});

/** What an exchange's answer means for an order; undefined: it has no such order. */
function eventsOf(
  { quantity }: OrderRecord,
  report: OrderReport | undefined,
  sinceSubmitMs: number,
): readonly OrderEvent[] {
  if (report === undefined) return [{ kind: 'not_found', sinceSubmitMs }];
  const { status, filledQuantity, averagePrice } = report;
  const fill: OrderEvent[] =
    filledQuantity > 0 && averagePrice !== null ? [{ kind: 'filled', filledQuantity, averagePrice }] : [];
  if (status === 'cancelled' || status === 'rejected') return [...fill, { kind: status }];
  // A close-position stop may find less than was held when it was placed.
  if (status === 'filled' && filledQuantity < quantity) return [...fill, { kind: 'cancelled' }];
  return status === 'filled' ? fill : [{ kind: 'acknowledged' }, ...fill];
}

/**
 * Changes an order's record, whoever else writes it. Returns it as it then stands; undefined when there is none. A rejection is
 * noted for the breaker first: a process that dies in between has it counted, not missed.
 * @param options.isCounted a refusal that is answered by another order at once tells nothing else
 */
export async function updateOrder(
  { risk, broker, clock }: ExecutionContext,
  clientOrderId: string,
  change: (record: OrderRecord) => OrderRecord,
  { isCounted = true }: { readonly isCounted?: boolean } = {},
): Promise<OrderRecord | undefined> {
  const { orders, rejections } = executionRecords(risk);
  const rejection = { clientOrderId, atMs: clock.nowMs() };
  for (let attempt = 0; attempt < WRITE_ATTEMPTS_MAX; attempt++) {
    const stored = await orders.get(broker.scope, clientOrderId);
    if (stored === undefined) return undefined;
    const changed = change(stored.value);
    if (changed === stored.value) return changed;
    const isRejected = changed.state.status === 'rejected' && stored.value.state.status !== 'rejected';
    if (isRejected && isCounted) await rejections.add(broker.scope, rejection);
    const { revision } = stored;
    if ((await orders.put(broker.scope, changed, { ifRevision: revision })) === 'written') return changed;
  }
  throw new Error(`the record of order ${clientOrderId} is written by others all the time`);
}

/** It may have arrived. */
export interface UnknownOrder {
  readonly outcome: 'unknown';
  readonly record: OrderRecord;
  readonly message: string;
}

/**
 * `unsent`: the exchange has not taken it. `already_submitted`: another process has written this very order down. Its record is then
 * theirs, and the position manager's.
 */
export type Sent =
  | {
      readonly outcome: 'acknowledged' | 'unsent';
      readonly record: OrderRecord;
      readonly message: string;
    }
  | UnknownOrder
  | {
      readonly outcome: 'rejected';
      readonly code: RejectionCode;
      readonly record: OrderRecord;
      readonly message: string;
    }
  | { readonly outcome: 'already_submitted' };

/** Writes the order down, sends it once, and writes down the answer and what it has filled by then. */
export async function sendOrder(
  context: ExecutionContext,
  approved: RiskApproved<EntryOrder | ReduceOrder>,
  record: OrderRecord,
  options: { readonly stillWanted?: () => boolean } = {},
): Promise<Sent> {
  const { risk, broker, clock } = context;
  const written = await executionRecords(risk).orders.put(broker.scope, record, { ifAbsent: true });
  if (written === 'conflict') return { outcome: 'already_submitted' };
  if (clock.nowMs() - record.createdAtMs > SEND_MS_MAX) {
    const late = await ended(context, record, { event: { kind: 'cancelled' }, note: 'too late to be sent' });
    return { outcome: 'unsent', record: late, message: late.note };
  }
  const submission = await broker.submit(approved, options);
  if (submission.outcome === 'rejected' && NOT_TAKEN.has(submission.code)) {
    const unsent = await ended(context, record, { event: { kind: 'cancelled' }, note: submission.message });
    return { outcome: 'unsent', record: unsent, message: submission.message };
  }
  if (submission.outcome === 'rejected') {
    const { code, message } = submission;
    const isCounted = code !== 'filters' && code !== 'close_stop_exists';
    const rejected = await ended(context, record, { event: { kind: 'rejected' }, note: message, isCounted });
    return { outcome: 'rejected', code, record: rejected, message };
  }
  if (submission.outcome === 'unknown') {
    const unknown = await ended(context, record, { event: { kind: 'outcome_unknown' }, note: record.note });
    return { outcome: 'unknown', record: unknown, message: submission.message };
  }
  const report = await reportAfter(context, record, submission.report);
  const acknowledged: OrderEvent = { kind: 'acknowledged' };
  const events = report === undefined ? [acknowledged] : [acknowledged, ...eventsOf(record, report, 0)];
  const times = timesOf(report, clock.nowMs());
  const after = await updateOrder(
    context,
    record.clientOrderId,
    (stored) => advanceRecord(stored, events, times).record,
  );
  invariant(after !== undefined, `the record of order ${record.clientOrderId} is gone`);
  return { outcome: 'acknowledged', record: after, message: '' };
}

/** What a market order has filled may come after its acceptance. */
async function reportAfter(
  { broker }: ExecutionContext,
  record: OrderRecord,
  accepted: OrderReport | undefined,
): Promise<OrderReport | undefined> {
  if (accepted !== undefined && (accepted.status !== 'open' || accepted.kind === 'stop')) return accepted;
  const found = await broker.find(referenceOf(record));
  return (found.ok ? found.value : undefined) ?? accepted;
}

async function ended(
  context: ExecutionContext,
  { clientOrderId }: OrderRecord,
  outcome: { readonly event: OrderEvent; readonly note: string; readonly isCounted?: boolean },
): Promise<OrderRecord> {
  const times = timesOf(undefined, context.clock.nowMs());
  const end = (stored: OrderRecord): OrderRecord => {
    const { record } = advanceRecord(stored, [outcome.event], times);
    return record === stored ? stored : { ...record, note: outcome.note };
  };
  const after = await updateOrder(context, clientOrderId, end, outcome);
  invariant(after !== undefined, `the record of order ${clientOrderId} is gone`);
  return after;
}

/** An order as the exchange has it now; nothing is written. */
export interface FoundOrder {
  readonly record: OrderRecord;
  readonly report: OrderReport | undefined;
  /** The same step on the record as it then stands. */
  readonly advance: (record: OrderRecord) => OrderRecord;
  readonly anomalies: readonly string[];
}

/** Looks an order up by its client order id. Fails when the exchange does not answer. */
export async function findOrder(
  context: ExecutionContext,
  record: OrderRecord,
): Promise<Result<FoundOrder, BrokerError>> {
  const found = await context.broker.find(referenceOf(record));
  if (!found.ok) return found;
  const report = found.value;
  const nowMs = context.clock.nowMs();
  const events = eventsOf(record, report, nowMs - record.createdAtMs);
  const times = timesOf(report, nowMs);
  const { record: advanced, anomalies } = advanceRecord(record, events, times);
  return success({
    record: advanced,
    report,
    advance: (current) => advanceRecord(current, events, times).record,
    anomalies,
  });
}

/**
 * The trades of what an order has filled. Fails while the exchange does not list all of them: `isLate`, when it has answered, and
 * lists fewer.
 */
export async function fillsOf(
  { broker }: Pick<ExecutionContext, 'broker'>,
  report: OrderReference & { readonly filledQuantity: number },
): Promise<Result<readonly Fill[], { readonly message: string; readonly isLate?: boolean }>> {
  if (report.filledQuantity === 0) return success([]);
  const fills = await broker.fills(report);
  if (!fills.ok) return fills;
  const listed = fills.value.reduce((sum, { quantity }) => sum + quantity, 0);
  if (listed < report.filledQuantity - FILLS_TOLERANCE) {
    const message = `the exchange lists trades of ${listed} of ${report.filledQuantity} ${report.symbol} only`;
    return failure({ message, isLate: true });
  }
  return fills;
}

/** What trades have cost the USDT wallet: fees in other assets leave it as it is. */
export const usdtFeesOf = (fills: readonly Fill[]): number =>
  fills.reduce((sum, { fee }) => sum + (fee.asset === 'USDT' ? microUsdt(fee.amount) : 0), 0);

/** Looks an order up and writes down what became of it; undefined when the exchange does not answer or knows no such order. */
export async function refreshOrder(
  context: ExecutionContext,
  record: OrderRecord,
): Promise<{ readonly record: OrderRecord; readonly report: OrderReport } | undefined> {
  const found = await findOrder(context, record);
  if (!found.ok || found.value.report === undefined) return undefined;
  const after = await updateOrder(context, record.clientOrderId, found.value.advance);
  return { record: after ?? record, report: found.value.report };
}
