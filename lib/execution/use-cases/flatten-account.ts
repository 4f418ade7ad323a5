// Closes whatever an account holds, by the side and size that it holds at that moment. Nothing is waited for that is not needed:
// records get a moment to follow, filters are read only after a refusal, and the account is read again until it is flat or the
// time is up.
import { messageOf } from '../../core/message-of.ts';
import type { SymbolFilters } from '../../market/symbol-filters.ts';
import { approveReduction } from '../../risk/gate.ts';
import type { ReduceOrder } from '../order.ts';
import type { BrokerPosition, Submission } from '../ports.ts';
import { planReduction, restStopPrice } from '../reduce-plan.ts';
import { executionRecords } from './execution-records.ts';
import { lastPriceOf } from './last-price.ts';
import { closeStopsOf } from './positions/cancel-orders.ts';
import { sendExit } from './positions/protect-position.ts';
import type { ExecutionContext } from './send-order.ts';
import { unrecordedReduction } from './unrecorded-reduction.ts';

export interface FlattenContext extends ExecutionContext {
  /** Monotonic, ms: for durations only. */
  readonly stopwatchMs: () => number;
  readonly pause: (durationMs: number) => Promise<void>;
  /** Resolves after that long, as a deadline. */
  readonly expire: (durationMs: number) => Promise<void>;
}

export interface Flattening {
  /** What is held could not be read in the last round. */
  readonly isBlind: boolean;
  /** One line per order. */
  readonly done: readonly string[];
  /** One line each; empty when nothing is held any more. */
  readonly problems: readonly string[];
}

/** Twice this and the wait between fit into the 30 s that API Gateway waits. */
const FLATTEN_MS_MAX = 12_000;
const ROUNDS_MAX = 12;
const ROUND_PAUSE_MS = 1_000;
/** A store that does not answer within this does not hold up an exit. */
const RECORD_MS_MAX = 2_000;

/** One flattening, which names every order that it sends anew. */
interface Flattener extends FlattenContext {
  readonly startedMs: number;
  /** Sent so far without a record. */
  orders: number;
  /** Positions whose rest is left to a stop already. */
  readonly rests: Set<string>;
}

/** Of hedge mode, with its side: a symbol has two there. */
const nameOf = ({ symbol, hedgeSide }: BrokerPosition): string =>
  hedgeSide === undefined ? symbol : `${symbol} ${hedgeSide}`;

/** Never throws. */
export async function flattenAccount(given: FlattenContext): Promise<Flattening> {
  const startedMs = given.stopwatchMs();
  const context: Flattener = { ...given, startedMs, orders: 0, rests: new Set() };
  const done: string[] = [];
  let problems: readonly string[] = [];
  let isBlind = true;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    if (round > 0) await context.pause(ROUND_PAUSE_MS);
    const positions = await context.broker.positions();
    isBlind = !positions.ok;
    if (positions.ok) {
      const unreadable = positions.value.problems.map(({ message }) => message);
      if (positions.value.rows.length === 0) return { isBlind: false, done, problems: unreadable };
      problems = [
        ...unreadable,
        ...positions.value.rows.map((row) => `${nameOf(row)}: the position is still open; its stop stays`),
      ];
    } else problems = [`${positions.error.code}: ${positions.error.message}`];
    if (context.stopwatchMs() - startedMs > FLATTEN_MS_MAX) break;
    const rows = positions.ok ? positions.value.rows : [];
    const lines = await Promise.all(
      rows.map((position) =>
        closePosition(context, position, { tryRecords: round === 0 }).catch((error: unknown) => [
          messageOf(error),
        ]),
      ),
    );
    done.push(...rows.flatMap((row, index) => lines[index]!.map((line) => `${nameOf(row)}: ${line}`)));
  }
  return { isBlind, done, problems };
}

/** @returns one line per order sent */
async function closePosition(
  context: Flattener,
  position: BrokerPosition,
  { tryRecords }: { readonly tryRecords: boolean },
): Promise<readonly string[]> {
  const recorded = tryRecords ? await closeRecorded(context, position) : 'sent again';
  if (typeof recorded === 'object') return [`exit ${recorded.outcome}`];
  const size = Math.abs(position.quantity);
  const first = await send(context, reductionOf(context, position, size));
  const lines = [`${describe(first)}, not in the records (${recorded})`];
  if (first.outcome !== 'rejected' || first.code !== 'filters') return lines;
  const filters = await context.broker.filters({ fresh: true });
  const known = filters.ok ? filters.value.get(position.symbol) : undefined;
  const plan = planReduction(size, known);
  for (const quantity of plan.quantities)
    lines.push(describe(await send(context, reductionOf(context, position, quantity))));
  if (plan.rest > 0 && !context.rests.has(nameOf(position)))
    lines.push(await leaveRest(context, position, known));
  return lines;
}

/** Leaves what no market order may be as small as to a stop: it closes the position at the next small move. */
async function leaveRest(
  context: Flattener,
  position: BrokerPosition,
  filters: SymbolFilters | undefined,
): Promise<string> {
  const price = await priceOf(context, position);
  const about = { isLong: position.quantity > 0, tickSize: filters?.tickSize };
  const stopPrice = price === undefined ? undefined : restStopPrice(price, about);
  if (stopPrice === undefined)
    return 'its rest is too small for a market order, and no price is known for a stop';
  const rest = await sendRestStop(context, position, stopPrice);
  if (rest.outcome === 'acknowledged') context.rests.add(nameOf(position));
  return describe(rest);
}

/** Of the market, else what it was entered at; undefined: neither is known. */
async function priceOf(
  { broker }: Flattener,
  { symbol, markPrice, entryPrice }: BrokerPosition,
): Promise<number | undefined> {
  return markPrice ?? (await lastPriceOf(broker, symbol)) ?? entryPrice ?? undefined;
}

/** In the place of the close-position stop that is there, if there is one: the exchange takes no second. */
async function sendRestStop(
  context: Flattener,
  position: BrokerPosition,
  stopPrice: number,
): Promise<Submission> {
  const sendStop = () => send(context, { ...reductionOf(context, position, null), stopPrice });
  const first = await sendStop();
  if (first.outcome !== 'rejected' || first.code !== 'close_stop_exists') return first;
  for (const stop of await closeStopsOf(context.broker, position.symbol)) await context.broker.cancel(stop);
  return sendStop();
}

const send = (context: Flattener, order: ReduceOrder): Promise<Submission> =>
  context.broker.submit(approveReduction(order));

const describe = (submission: Submission): string =>
  submission.outcome === 'acknowledged'
    ? 'exit acknowledged'
    : `exit ${submission.outcome}: ${submission.message}`;

/** Through the records when they can be used and agree with the account, so that the ledger follows; else why not. */
async function closeRecorded(context: Flattener, position: BrokerPosition) {
  const { symbol, quantity, hedgeSide } = position;
  if (hedgeSide !== undefined) return 'the account is in hedge mode';
  const work = async () => {
    const { risk, broker } = context;
    const { positions, orders } = executionRecords(risk);
    const stored = await positions.get(broker.scope, symbol);
    if (stored === undefined) return 'there is no record of the position';
    if (stored.value.side !== (quantity > 0 ? 'BUY' : 'SELL'))
      return 'the record has the position on the other side';
    const entry = await orders.get(broker.scope, stored.value.entryClientOrderId);
    if (entry === undefined) return 'there is no record of the entry';
    const size = Math.abs(quantity);
    const sent = await sendExit(context, stored, { entry: entry.value, quantity: size, reason: 'emergency' });
    // Somebody else is closing it, or was until he died: a second exit can only find less to reduce.
    return sent.outcome === 'acknowledged' ? sent : `through the records: ${sent.outcome}`;
  };
  const tooLate = context.expire(RECORD_MS_MAX).then(() => `no answer within ${RECORD_MS_MAX / 1000} s`);
  return Promise.race([work().catch((error: unknown) => messageOf(error)), tooLate]);
}

/**
 * Another order each time: under the id of one that came to nothing, the exchange, or a look-up, would tell of that one and nothing
 * would be sent.
 */
function reductionOf(context: Flattener, position: BrokerPosition, quantity: number | null): ReduceOrder {
  const { broker, clock, startedMs } = context;
  const ensembleId = `emergency stop ${startedMs}, order ${++context.orders}`;
  return unrecordedReduction(broker.scope, position, { quantity, atMs: clock.nowMs(), ensembleId });
}
