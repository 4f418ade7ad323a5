// What an account holds and has open, read so that its positions can be protected: each answer on its own, and what cannot be
// read bounds only what needs it. Order matters: the gate is read before the orders are looked up, and those before the
// positions, so that what has just been opened or closed is never taken for an external position. Nothing is booked here.
import { messageOf } from '../../core/message-of.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { GateItem } from '../../risk/gate.ts';
import type { Versioned } from '../../risk/ports.ts';
import type { KindList } from '../../risk/use-cases/typed-records.ts';
import type { BookedLedger } from '../ledger/booked-ledger.ts';
import type { BrokerPosition, Listing, OpenOrder, ReadProblem } from '../ports.ts';
import type { OrderRecord, PositionRecord } from '../records.ts';
import { executionRecords } from './execution-records.ts';
import { legIds } from './positions/reduce-position.ts';
import { type ExecutionContext, type FoundOrder, findOrder, isSettled, updateOrder } from './send-order.ts';

/** A record of a position that cannot be read. */
export type UnreadablePosition = KindList<PositionRecord>['problems'][number];

export interface AccountReading {
  /** As it stood before anything else was read: what this run books is conditional on it. */
  readonly ledgerBefore: Versioned<BookedLedger> | undefined;
  /** undefined when there is none, or when it could not be read. */
  readonly gate: GateItem | undefined;
  /** By symbol: the entry that the gate names; while the gate cannot be read, the newest one that is not booked to its end. */
  readonly entryIds: ReadonlyMap<string, string>;
  /** By symbol. */
  readonly positions: ReadonlyMap<string, Versioned<PositionRecord>>;
  /** By symbol: records of positions that cannot be read. */
  readonly unreadableRecords: ReadonlyMap<string, UnreadablePosition>;
  /** By client order id: every order that a reservation, a position or the ledger names, as the exchange has it now. */
  readonly orders: ReadonlyMap<string, OrderRecord>;
  /** Of an order that something names the record could not be read: which trades are ours is not known. */
  readonly hasUnreadOrders: boolean;
  /** By client order id: the orders that were looked up. */
  readonly found: ReadonlyMap<string, FoundOrder>;
  readonly held: ReadonlyMap<string, BrokerPosition>;
  /** Rows of the positions that could not be read, and those of hedge mode, of which a symbol has two. */
  readonly unreadablePositions: readonly ReadProblem[];
  /** Conditional ones included. */
  readonly openOrders: readonly OpenOrder[];
  /** Whether the list of open stops was read. */
  readonly knowsStops: boolean;
  /** undefined when it could not be read. */
  readonly walletMicroUsdt: number | undefined;
  /** One line each: orders that did what they should not, and positions of hedge mode. */
  readonly anomalies: readonly string[];
  /** One line each: what could not be read. */
  readonly faults: readonly string[];
}

/** Why there is no view. `overtaken`: another run books at the same time, and has the better view. */
export interface ViewFailure {
  readonly code: 'exchange_unavailable' | 'records_unavailable' | 'overtaken';
  readonly message: string;
}

const SWITCH_BACK = 'an emergency stop closes it; then switch the account to one-way mode';

/** @param options.thorough looks at every order record, not only at those that something names: for when the ledger does not balance */
export async function readAccount(
  context: ExecutionContext,
  { thorough }: { thorough: boolean },
): Promise<Result<AccountReading, ViewFailure>> {
  const { risk, broker } = context;
  const { scope } = broker;
  const ledger = await storedLedger(context);
  const gateRead = await gateOf(context);
  const { gate } = gateRead;
  const recorded = await executionRecords(risk).positions.all(scope);
  const positions = new Map(
    recorded.records.map(({ value, revision }) => [value.symbol, { value, revision }] as const),
  );
  const faults = [...gateRead.faults, ...recorded.problems.map(({ message }) => message)];
  // What the gate would have named is then found among all orders.
  const knowsGate = gateRead.faults.length === 0;
  const readable = faults.length;
  const orders =
    thorough || !knowsGate
      ? await allOrders(context, faults)
      : await ordersNamedBy(context, {
          faults,
          gate,
          positions,
          ledgerOrders: Object.keys(ledger.stored?.value.orders ?? {}),
        });
  const hasUnreadOrders = faults.length > readable || recorded.problems.length > 0;
  // A stop that triggers in between is then seen as open, and its position as gone: never as a position without a stop.
  const [resting, stops] = await Promise.all([broker.openOrders(), broker.openStops()]);
  const openOrders = [...rowsOf(resting), ...rowsOf(stops)];
  const looked = await lookUp(context, orders, openOrders);
  for (const [clientOrderId, { advance }] of looked.found) {
    try {
      const after = await updateOrder(context, clientOrderId, advance);
      if (after !== undefined) orders.set(clientOrderId, after);
    } catch (error) {
      faults.push(`order ${clientOrderId}: ${messageOf(error)}`);
    }
  }
  const [held, wallet] = await Promise.all([broker.positions(), broker.walletMicroUsdt()]);
  if (!held.ok) return failure({ code: 'exchange_unavailable', message: held.error.message });
  const rows = held.value.rows.filter(({ hedgeSide }) => hedgeSide === undefined);
  const hedged = held.value.rows.flatMap(({ symbol, hedgeSide }) =>
    hedgeSide === undefined ? [] : [{ symbol, message: `the ${hedgeSide} position is one of hedge mode` }],
  );
  return success({
    ledgerBefore: ledger.stored,
    gate,
    entryIds: knowsGate ? reservedIn(gate) : unbookedIn(orders.values()),
    positions,
    unreadableRecords: new Map(recorded.problems.map((problem) => [problem.id, problem])),
    orders,
    hasUnreadOrders,
    found: looked.found,
    held: new Map(rows.map((position) => [position.symbol, position])),
    unreadablePositions: [...held.value.problems, ...hedged],
    openOrders,
    knowsStops: stops.ok,
    walletMicroUsdt: wallet.ok ? wallet.value : undefined,
    anomalies: [...looked.anomalies, ...hedged.map(lineOf).map((line) => `${line}: ${SWITCH_BACK}`)],
    faults: [
      ...faults,
      ...ledger.faults,
      ...looked.faults,
      ...problemsOf('open orders', resting),
      ...problemsOf('open stops', stops),
      ...problemsOf('positions', held),
      ...(wallet.ok ? [] : [`wallet: ${wallet.error.message}`]),
    ],
  });
}

type Answer<Row> = Result<Listing<Row>, { readonly message: string }>;

const rowsOf = <Row>(answer: Answer<Row>): readonly Row[] => (answer.ok ? answer.value.rows : []);

/** One line each: why a listing, or a row of it, could not be read. */
export const problemsOf = (what: string, answer: Answer<unknown>): readonly string[] =>
  answer.ok ? answer.value.problems.map(lineOf) : [`${what}: ${answer.error.message}`];

const lineOf = ({ symbol, message }: ReadProblem): string =>
  symbol === undefined ? message : `${symbol}: ${message}`;

async function allOrders(
  { risk, broker }: ExecutionContext,
  faults: string[],
): Promise<Map<string, OrderRecord>> {
  const { records, problems } = await executionRecords(risk).orders.all(broker.scope);
  faults.push(...problems.map(({ message }) => message));
  return new Map(records.map(({ value }) => [value.clientOrderId, value]));
}

/** A ledger that cannot be read keeps nothing from being protected. */
async function storedLedger({ risk, broker }: ExecutionContext) {
  try {
    return { stored: await executionRecords(risk).bookedLedger.get(broker.scope), faults: [] };
  } catch (error) {
    return { stored: undefined, faults: [`ledger: ${messageOf(error)}`] };
  }
}

/** A gate that cannot be read keeps nothing from being protected or reduced. */
async function gateOf({ risk, broker }: ExecutionContext) {
  try {
    return { gate: await risk.readGate(broker.scope), faults: [] };
  } catch (error) {
    return { gate: undefined, faults: [`gate: ${messageOf(error)}`] };
  }
}

const reservedIn = (gate: GateItem | undefined): ReadonlyMap<string, string> =>
  new Map(Object.entries(gate?.reserved ?? {}).map(([symbol, { clientOrderId }]) => [symbol, clientOrderId]));

function unbookedIn(orders: Iterable<OrderRecord>): ReadonlyMap<string, string> {
  const unbooked = [...orders].filter((order) => order.leg === 'entry' && !isSettled(order));
  const oldestFirst = unbooked.toSorted((a, b) => a.createdAtMs - b.createdAtMs);
  return new Map(oldestFirst.map(({ symbol, clientOrderId }) => [symbol, clientOrderId]));
}

async function ordersNamedBy(
  { risk, broker }: ExecutionContext,
  named: {
    faults: string[];
    gate: GateItem | undefined;
    positions: AccountReading['positions'];
    ledgerOrders: readonly string[];
  },
): Promise<Map<string, OrderRecord>> {
  const { faults, gate, positions, ledgerOrders } = named;
  const ids = new Set([
    ...Object.values(gate?.reserved ?? {}).map(({ clientOrderId }) => clientOrderId),
    ...[...positions.values()].flatMap(({ value }) => [
      value.entryClientOrderId,
      ...(value.stopClientOrderId === null ? [] : [value.stopClientOrderId]),
      ...(value.exitClientOrderId === null ? [] : [value.exitClientOrderId]),
    ]),
    ...ledgerOrders,
  ]);
  const orders = await readOrders({ risk, broker }, ids, faults);
  // What became of the orders before the newest of a leg has to be known before the trade can end.
  const earlier = [...positions.values()].flatMap(({ value }) => {
    const entry = orders.get(value.entryClientOrderId);
    if (entry === undefined) return [];
    return [...legIds({ broker }, entry, 'stop', value), ...legIds({ broker }, entry, 'exit', value)].filter(
      (id) => !ids.has(id),
    );
  });
  return new Map([...orders, ...(await readOrders({ risk, broker }, new Set(earlier), faults))]);
}

async function readOrders(
  { risk, broker }: Pick<ExecutionContext, 'risk' | 'broker'>,
  ids: ReadonlySet<string>,
  faults: string[],
): Promise<Map<string, OrderRecord>> {
  const stored = executionRecords(risk).orders;
  const records = await Promise.all(
    [...ids].map((id) =>
      stored.get(broker.scope, id).catch((error: unknown) => {
        faults.push(messageOf(error));
        return undefined;
      }),
    ),
  );
  return new Map(records.flatMap((record) => (record ? [[record.value.clientOrderId, record.value]] : [])));
}

/** An order that a list has open is not gone because a lookup does not know it yet. */
async function lookUp(
  context: ExecutionContext,
  orders: ReadonlyMap<string, OrderRecord>,
  openOrders: readonly OpenOrder[],
) {
  const listed = new Set(openOrders.map(({ clientOrderId }) => clientOrderId));
  const open = [...orders.values()].filter((record) => !isSettled(record));
  const answers = await Promise.all(open.map((record) => findOrder(context, record)));
  const found = new Map<string, FoundOrder>();
  const faults: string[] = [];
  const anomalies: string[] = [];
  for (const [index, answer] of answers.entries()) {
    const { clientOrderId, symbol } = open[index]!;
    if (!answer.ok) faults.push(`${symbol}: order ${clientOrderId}: ${answer.error.message}`);
    else if (answer.value.report !== undefined || !listed.has(clientOrderId)) {
      found.set(clientOrderId, answer.value);
      anomalies.push(...answer.value.anomalies.map((code) => `${symbol}: order ${clientOrderId}: ${code}`));
    }
  }
  return { found, faults, anomalies };
}

/** A position of the symbol may be in a row that could not be read. */
export const mayBeHeld = (unreadable: readonly ReadProblem[], symbol: string): boolean =>
  unreadable.some((row) => row.symbol === undefined || row.symbol === symbol);

/** Symbols that the exchange holds a position of and we know nothing of. */
export function externalPositionsOf({ entryIds, held, positions }: AccountReading): readonly string[] {
  return [...held.keys()].filter((symbol) => !entryIds.has(symbol) && !positions.has(symbol));
}

/**
 * Orders that the exchange has open and nothing of ours names any more. An order is cancelled by its id: one that a record names is
 * none, whatever symbol its row bears.
 */
export function orphanOrdersOf({ entryIds, openOrders, positions }: AccountReading): readonly OpenOrder[] {
  const named = new Set([
    ...entryIds.values(),
    ...[...positions.values()].flatMap(({ value }) => [value.stopClientOrderId, value.exitClientOrderId]),
  ]);
  return openOrders.filter(({ clientOrderId }) => !named.has(clientOrderId));
}
