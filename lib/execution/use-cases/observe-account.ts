// What guard sees of one account: our records, what the exchange says of our open orders (booked at once, exactly once), what
// it holds, and where the two differ. Reading in this order matters: an order is looked up before the positions are read, and
// the gate before both, so that what has just been opened or closed is never taken for a stranger.

import { microUsdt } from '../../core/money.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { GateItem } from '../../risk/gate.ts';
import type { Versioned } from '../../risk/ports.ts';
import { allRecords, allValues } from '../../risk/use-cases/typed-records.ts';
import {
  type AccountStatement,
  atExchangeCosts,
  type BookedLedger,
  bookOrder,
  bookPayments,
  differencesOf,
  forgetOrders,
  fundingSinceMs,
  newBookedLedger,
} from '../booked-ledger.ts';
import { isFinal } from '../order-state.ts';
import type { BrokerPosition, Income, Listing, OpenOrder, ReadProblem } from '../ports.ts';
import type { OrderRecord, PositionRecord } from '../records.ts';
import { executionRecords } from './execution-records.ts';
import { legIds } from './protect-position.ts';
import { type ExecutionContext, type FoundOrder, findOrder, isSettled, updateOrder } from './send-order.ts';

export interface AccountView {
  readonly gate: GateItem | undefined;
  readonly bookedLedger: Versioned<BookedLedger>;
  /** By symbol. */
  readonly positions: ReadonlyMap<string, Versioned<PositionRecord>>;
  /** By client order id: every order that a reservation, a position or the books name, as the exchange has it now. */
  readonly orders: ReadonlyMap<string, OrderRecord>;
  readonly held: ReadonlyMap<string, PricedPosition>;
  /** Conditional ones included. */
  readonly openOrders: readonly OpenOrder[];
  readonly walletMicroUsdt: number;
  /** One line each: what exchange and books differ in. */
  readonly differences: readonly string[];
  /** One line each: orders that did what they should not. */
  readonly anomalies: readonly string[];
  /** One line each: what could not be looked up. */
  readonly faults: readonly string[];
}

/** A position of which everything is known that its equity needs. */
export type PricedPosition = BrokerPosition & { readonly entryPrice: number; readonly markPrice: number };

/** Why there is no view. `overtaken`: another guard books at the same time, and has the better view. */
export interface ViewFailure {
  readonly code: 'exchange_unavailable' | 'overtaken';
  readonly message: string;
}

const fail = (code: ViewFailure['code'], message: string) => failure<ViewFailure>({ code, message });

/** @param options.thorough looks at every order record, not only at those that something names: for when the books do not balance */
export async function observeAccount(
  context: ExecutionContext,
  { thorough }: { thorough: boolean },
): Promise<Result<AccountView, ViewFailure>> {
  const { risk, broker } = context;
  const { scope } = broker;
  const stored = await storedLedger(context);
  if (!stored.ok) return stored;
  const gate = await risk.readGate(scope);
  const records = executionRecords(risk);
  const positions = new Map(
    allRecords(await records.positions.all(scope)).map(
      ({ value, revision }) => [value.symbol, { value, revision }] as const,
    ),
  );
  const orders = thorough
    ? new Map(allValues(await records.orders.all(scope)).map((order) => [order.clientOrderId, order]))
    : await ordersNamedBy(context, { gate, positions, bookedLedger: stored.value.value });

  const looked = await lookUp(context, orders);
  const booked = await book(context, { bookedLedger: stored.value, orders, found: looked.found });
  if (!booked.ok) return booked;

  // A stop that triggers in between is then seen as open, and its position as gone: never as a position without a stop.
  const [resting, stops] = await Promise.all([broker.openOrders(), broker.openStops()]);
  if (!resting.ok) return fail('exchange_unavailable', resting.error.message);
  if (!stops.ok) return fail('exchange_unavailable', stops.error.message);
  const [held, wallet] = await Promise.all([broker.positions(), broker.walletMicroUsdt()]);
  if (!held.ok) return fail('exchange_unavailable', held.error.message);
  if (!wallet.ok) return fail('exchange_unavailable', wallet.error.message);
  const priced = allPriced(held.value);
  if (!priced.ok) return fail('exchange_unavailable', priced.error);
  const statement = { walletMicroUsdt: wallet.value, positions: priced.value };
  const compared = await compare(context, booked.value.bookedLedger, statement);
  if (!compared.ok) return compared;
  return success({
    ...compared.value,
    gate,
    positions,
    orders,
    held: new Map(priced.value.map((position) => [position.symbol, position])),
    openOrders: [...resting.value.rows, ...stops.value.rows],
    walletMicroUsdt: wallet.value,
    anomalies: looked.anomalies,
    faults: [
      ...looked.faults,
      ...booked.value.faults,
      ...[...resting.value.problems, ...stops.value.problems].map(lineOf),
    ],
  });
}

const lineOf = ({ symbol, message }: ReadProblem): string =>
  symbol === undefined ? message : `${symbol}: ${message}`;

/** Fails with one line when a position, or a price of one, cannot be read. */
function allPriced({ rows, problems }: Listing<BrokerPosition>): Result<readonly PricedPosition[], string> {
  const [problem] = problems;
  if (problem !== undefined) return failure(lineOf(problem));
  const isPriced = (row: BrokerPosition): row is PricedPosition =>
    row.entryPrice !== null && row.markPrice !== null;
  const unpriced = rows.find((row) => !isPriced(row));
  return unpriced === undefined
    ? success(rows.filter(isPriced))
    : failure(`${unpriced.symbol}: entry or mark price cannot be read`);
}

/** What exchange and books differ in; the costs of the positions alone are no difference, and are taken over at once. */
async function compare(
  context: ExecutionContext,
  bookedLedger: Versioned<BookedLedger>,
  statement: AccountStatement,
): Promise<Result<Pick<AccountView, 'bookedLedger' | 'differences'>, ViewFailure>> {
  const differences = differencesOf(bookedLedger.value.ledger, statement);
  const ledger = atExchangeCosts(bookedLedger.value.ledger, statement);
  if (differences.length === 0 || differencesOf(ledger, statement).length > 0)
    return success({ bookedLedger, differences });
  const written = await writeLedger(context, bookedLedger, { ...bookedLedger.value, ledger });
  return written === undefined
    ? fail('overtaken', 'the books were changed by another run')
    : success({ bookedLedger: written, differences: [] });
}

/** The books; opened with the wallet as deposit when there are none yet. */
async function storedLedger({
  risk,
  broker,
  clock,
}: ExecutionContext): Promise<Result<Versioned<BookedLedger>, ViewFailure>> {
  const records = executionRecords(risk).bookedLedger;
  const stored = await records.get(broker.scope);
  if (stored !== undefined) return success(stored);
  const wallet = await broker.walletMicroUsdt();
  if (!wallet.ok) return fail('exchange_unavailable', wallet.error.message);
  await records.put(broker.scope, newBookedLedger(wallet.value, clock.nowMs()), { ifAbsent: true });
  const opened = await records.get(broker.scope);
  return opened === undefined ? fail('overtaken', 'the books are gone') : success(opened);
}

async function ordersNamedBy(
  { risk, broker }: ExecutionContext,
  {
    gate,
    positions,
    bookedLedger,
  }: { gate: GateItem | undefined; positions: AccountView['positions']; bookedLedger: BookedLedger },
): Promise<Map<string, OrderRecord>> {
  const ids = new Set([
    ...Object.values(gate?.reserved ?? {}).map(({ clientOrderId }) => clientOrderId),
    ...[...positions.values()].flatMap(({ value }) => [
      value.entryClientOrderId,
      ...(value.stopClientOrderId === null ? [] : [value.stopClientOrderId]),
      ...(value.exitClientOrderId === null ? [] : [value.exitClientOrderId]),
    ]),
    ...Object.keys(bookedLedger.orders),
  ]);
  const orders = await readOrders({ risk, broker }, ids);
  // What became of the orders before the newest of a leg has to be known before the trade can end.
  const earlier = [...positions.values()].flatMap(({ value }) => {
    const entry = orders.get(value.entryClientOrderId);
    if (entry === undefined) return [];
    return [
      ...legIds({ broker }, entry, 'stop', value.stopClientOrderId),
      ...legIds({ broker }, entry, 'exit', value.exitClientOrderId),
    ].filter((id) => !ids.has(id));
  });
  return new Map([...orders, ...(await readOrders({ risk, broker }, new Set(earlier)))]);
}

async function readOrders(
  { risk, broker }: Pick<ExecutionContext, 'risk' | 'broker'>,
  ids: ReadonlySet<string>,
): Promise<Map<string, OrderRecord>> {
  const { orders } = executionRecords(risk);
  const records = await Promise.all([...ids].map((id) => orders.get(broker.scope, id)));
  return new Map(records.flatMap((record) => (record ? [[record.value.clientOrderId, record.value]] : [])));
}

async function lookUp(context: ExecutionContext, orders: ReadonlyMap<string, OrderRecord>) {
  const open = [...orders.values()].filter((record) => !isSettled(record));
  const answers = await Promise.all(open.map((record) => findOrder(context, record)));
  const found = new Map<string, FoundOrder>();
  const faults: string[] = [];
  const anomalies: string[] = [];
  for (const [index, answer] of answers.entries()) {
    const { clientOrderId, symbol } = open[index]!;
    if (!answer.ok) faults.push(`${symbol}: order ${clientOrderId}: ${answer.error.message}`);
    else {
      found.set(clientOrderId, answer.value);
      anomalies.push(...answer.value.anomalies.map((code) => `${symbol}: order ${clientOrderId}: ${code}`));
    }
  }
  return { found, faults, anomalies };
}

/** Books fills, fees and funding in one write, then writes the orders down as they were found; `orders` is brought up to date. */
async function book(
  context: ExecutionContext,
  view: {
    bookedLedger: Versioned<BookedLedger>;
    orders: Map<string, OrderRecord>;
    found: ReadonlyMap<string, FoundOrder>;
  },
): Promise<Result<{ bookedLedger: Versioned<BookedLedger>; faults: string[] }, ViewFailure>> {
  const { orders, found } = view;
  const before = view.bookedLedger.value;
  const settled = new Set([...orders.values()].filter(isSettled).map(({ clientOrderId }) => clientOrderId));
  let bookedLedger = forgetOrders(before, settled);
  for (const [clientOrderId, { record, report, feeMicroUsdt }] of found) {
    if (report === undefined) continue;
    const { filledQuantity, averagePrice } = report;
    const { symbol, side } = record;
    bookedLedger = bookOrder(bookedLedger, {
      clientOrderId,
      symbol,
      side,
      filledQuantity,
      averagePrice,
      feeMicroUsdt,
    });
  }
  const income = await context.broker.incomeSince(fundingSinceMs(bookedLedger));
  if (income.ok) bookedLedger = bookPayments(bookedLedger, fundingIn(income.value.rows));
  const written = await writeLedger(context, view.bookedLedger, bookedLedger);
  if (written === undefined) return fail('overtaken', 'the books were changed by another run');
  for (const [clientOrderId, { advance }] of found) {
    const booked = bookedLedger.orders[clientOrderId];
    const after = await updateOrder(context, clientOrderId, (current) =>
      withBooked(advance(current), booked),
    );
    if (after !== undefined) orders.set(clientOrderId, after);
  }
  return success({
    bookedLedger: written,
    faults: income.ok ? income.value.problems.map(lineOf) : [`income: ${income.error.message}`],
  });
}

const fundingIn = (rows: readonly Income[]) =>
  rows
    .filter(({ kind, asset }) => kind === 'funding' && asset === 'USDT')
    .map(({ id, atMs, amount }) => ({ id, atMs, amountMicroUsdt: microUsdt(amount) }));

function withBooked(record: OrderRecord, booked: BookedLedger['orders'][string] | undefined): OrderRecord {
  if (booked === undefined) return record;
  const { quantity: bookedQuantity, feeMicroUsdt: bookedFeeMicroUsdt } = booked;
  const same = record.bookedQuantity === bookedQuantity && record.bookedFeeMicroUsdt === bookedFeeMicroUsdt;
  return same ? record : { ...record, bookedQuantity, bookedFeeMicroUsdt };
}

/** @returns the books as they then stand; undefined when another run has written since */
export async function writeLedger(
  { risk, broker }: ExecutionContext,
  before: Versioned<BookedLedger>,
  bookedLedger: BookedLedger,
): Promise<Versioned<BookedLedger> | undefined> {
  if (bookedLedger === before.value) return before;
  const records = executionRecords(risk).bookedLedger;
  const written = await records.put(broker.scope, bookedLedger, { ifRevision: before.revision });
  return written === 'conflict' ? undefined : records.get(broker.scope);
}

/** Symbols that the exchange holds a position of and we know nothing of. */
export function externalPositionsOf({ gate, held, positions }: AccountView): readonly string[] {
  return [...held.keys()].filter((symbol) => gate?.reserved[symbol] === undefined && !positions.has(symbol));
}

/** Orders that the exchange has open and nothing of ours names any more. */
export function orphanOrdersOf({ gate, openOrders, positions }: AccountView): readonly OpenOrder[] {
  return openOrders.filter(({ symbol, clientOrderId }) => {
    const position = positions.get(symbol)?.value;
    const names = [
      gate?.reserved[symbol]?.clientOrderId,
      position?.stopClientOrderId,
      position?.exitClientOrderId,
    ];
    return !names.includes(clientOrderId);
  });
}

export const isOpen = (record: OrderRecord | undefined): boolean =>
  record !== undefined && !isFinal(record.state.status);
