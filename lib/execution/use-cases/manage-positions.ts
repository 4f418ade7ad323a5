// Each minute and per scope: read what the account holds, keep every position behind a stop and end what is over; only then book
// it, compare it with the exchange and record the equity. Nothing of it asks the gate: reducing risk is always possible. A run
// may be cut off anywhere and repeated; its own record comes last, and says whether everything was done.
import { messageOf } from '../../core/message-of.ts';
import { microUsdt } from '../../core/money.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { Scope } from '../../risk/gate.ts';
import { dayId, type EquitySnapshot } from '../../risk/records.ts';
import { mayBeIncome, takeOver } from '../booked-ledger.ts';
import { type AccountView, bookAccount, writeLedger } from './book-account.ts';
import { executionRecords } from './execution-records.ts';
import {
  type AccountReading,
  externalPositionsOf,
  orphanOrdersOf,
  readAccount,
  type ViewFailure,
} from './observe-account.ts';
import {
  cancelOpenOrders,
  finaliseTrade,
  isLeftToOthers,
  LEFT,
  protectSymbol,
} from './reconcile-position.ts';
import { earliest, type RunsBefore, readRuns, recordRun, unprotectedSince } from './record-run.ts';
import { type ExecutionContext, SEND_MS_MAX } from './send-order.ts';

export interface PositionManagerReport {
  readonly scope: Scope;
  readonly atMs: number;
  /** Only a completed run counts as a sign of life. */
  readonly outcome: 'completed' | 'incomplete' | ViewFailure['code'];
  /** null without a view of the exchange. */
  readonly equity: EquitySnapshot | null;
  readonly differences: readonly string[];
  /** What was done, by symbol. */
  readonly actions: readonly { readonly symbol: string; readonly done: readonly string[] }[];
  /** One line each: what could not be done. */
  readonly faults: readonly string[];
  readonly unprotectedSinceMs: number | null;
}

export interface PositionManagerContext extends ExecutionContext {
  /** Of this function, for its marks. */
  readonly codeVersion: string;
}

/** Throws StoreError when the risk table cannot be used. */
export async function managePositions(context: PositionManagerContext): Promise<PositionManagerReport> {
  const before = await readRuns(context);
  const work = new Work();
  const first = await readAccount(context, { thorough: false });
  if (!first.ok) return failed(context, { failure: first.error, before, work });
  await protectAll(context, { reading: first.value, adoptable: new Set(), work });
  const reconciled = await reconcile(context, first.value, before);
  if (!reconciled.ok)
    return failed(context, { failure: reconciled.error, before, work, held: first.value.held });
  const { view, adoptable, walletDifferentSinceMs } = reconciled.value;
  await protectAll(context, { reading: view, adoptable, work });
  const differences = [...reconciled.value.differences, ...work.leftPositions()];
  await finaliseAll(context, view, work);
  const since = await unprotectedSince(context, { held: view.held, before });
  const equity = await snapshot(context, view);
  const faults = [...view.faults, ...work.faults, ...(equity.ok ? [] : [equity.error])];
  const isComplete = faults.length === 0;
  const told = await recordRun(context, before, {
    isComplete,
    differences,
    unprotectedSince: since,
    walletDifferentSinceMs,
    fundingBookedUntilMs: view.bookedLedger?.value.funding.untilMs,
  });
  return {
    scope: context.broker.scope,
    atMs: context.clock.nowMs(),
    outcome: told === undefined ? 'overtaken' : isComplete ? 'completed' : 'incomplete',
    equity: equity.ok ? equity.value : null,
    differences: told ?? differences,
    actions: work.actions,
    faults:
      told === undefined ? [...faults, 'another run has written its record since this one began'] : faults,
    unprotectedSinceMs: earliest(since),
  };
}

/** A run that could not see or could not book the account: it too leaves what it has seen. */
async function failed(
  context: ExecutionContext,
  run: { failure: ViewFailure; before: RunsBefore; work: Work; held?: AccountReading['held'] },
): Promise<PositionManagerReport> {
  const { before, work, held } = run;
  const since = held === undefined ? undefined : await unprotectedSince(context, { held, before });
  await recordRun(context, before, {
    isComplete: false,
    differences: undefined,
    unprotectedSince: since,
    walletDifferentSinceMs: undefined,
    fundingBookedUntilMs: undefined,
  });
  return {
    scope: context.broker.scope,
    atMs: context.clock.nowMs(),
    outcome: run.failure.code,
    equity: null,
    differences: [],
    actions: work.actions,
    faults: [run.failure.message, ...work.faults],
    unprotectedSinceMs: since === undefined ? null : earliest(since),
  };
}

interface Reconciled {
  readonly view: AccountView;
  /** Held by the exchange and known to nobody here, in both looks. */
  readonly adoptable: ReadonlySet<string>;
  readonly differences: readonly string[];
  /** Since when the wallet differs from the ledger; null while it does not. */
  readonly walletDifferentSinceMs: number | null;
}

/**
 * The account, booked and compared. What differs is looked at a second time: only what then still differs by the same is a
 * difference, for an order may be filled between two questions. The exchange is then right: what it holds is taken over.
 */
async function reconcile(
  context: ExecutionContext,
  reading: AccountReading,
  before: RunsBefore,
): Promise<Result<Reconciled, ViewFailure>> {
  const first = await bookAccount(context, reading);
  if (!first.ok) return first;
  const externalPositions = new Set(externalPositionsOf(first.value));
  const isAlike = first.value.differences.length === 0 && first.value.walletDifference === undefined;
  if (isAlike && externalPositions.size === 0) {
    const { anomalies } = first.value;
    const walletDifferentSinceMs = null;
    return success({
      view: first.value,
      adoptable: externalPositions,
      differences: anomalies,
      walletDifferentSinceMs,
    });
  }
  const again = await readAccount(context, { thorough: true });
  if (!again.ok) return again;
  const second = await bookAccount(context, again.value);
  if (!second.ok) return second;
  const adoptable = new Set(
    externalPositionsOf(second.value).filter((symbol) => externalPositions.has(symbol)),
  );
  const anomalies = new Set([...first.value.anomalies, ...second.value.anomalies]);
  const known = { before, nowMs: context.clock.nowMs() };
  const { confirmed, isWhole, walletDifferentSinceMs } = confirm(first.value, second.value, known);
  // What could not be looked up may be what differs: then the exchange is not trusted over the ledger in this run.
  const isKnown = first.value.faults.length === 0 && second.value.faults.length === 0;
  const isTrusted = isKnown && isWhole && confirmed.length > 0;
  const view = isTrusted ? await trustExchange(context, second.value, confirmed) : second.value;
  return success({ view, adoptable, differences: [...confirmed, ...anomalies], walletDifferentSinceMs });
}

/** What both looks differ in alike. A difference of the wallet has minutes to be explained by income. */
function confirm(
  first: AccountView,
  second: AccountView,
  { before, nowMs }: { before: RunsBefore; nowMs: number },
): { confirmed: readonly string[]; isWhole: boolean; walletDifferentSinceMs: number | null } {
  const positions = second.differences.filter((line) => first.differences.includes(line));
  const arePositionsWhole = positions.length === second.differences.length;
  const wallet = second.walletDifference;
  if (wallet === undefined)
    return { confirmed: positions, isWhole: arePositionsWhole, walletDifferentSinceMs: null };
  const sinceMs = before?.value?.walletDifferentSinceMs ?? nowMs;
  const isConfirmed = !mayBeIncome(sinceMs, nowMs) && wallet === first.walletDifference;
  return {
    confirmed: isConfirmed ? [...positions, wallet] : positions,
    isWhole: arePositionsWhole,
    walletDifferentSinceMs: sinceMs,
  };
}

async function trustExchange(
  context: ExecutionContext,
  view: AccountView,
  differences: readonly string[],
): Promise<AccountView> {
  const { risk, broker, clock } = context;
  const { bookedLedger: before, statement } = view;
  if (before === undefined || statement === undefined) return view;
  const keepsWallet = view.walletDifference === undefined || !differences.includes(view.walletDifference);
  const ledger = takeOver(before.value.ledger, statement, { keepsWallet });
  const bookedLedger = await writeLedger(context, before, { ...before.value, ledger });
  if (bookedLedger === undefined) return view;
  const atMs = clock.nowMs();
  await executionRecords(risk).audit.add(broker.scope, `guard#${atMs}#reconciled`, {
    atMs,
    what: 'reconciled',
    by: 'manage-positions',
    message: differences.join('; '),
  });
  return { ...view, bookedLedger, walletDifference: keepsWallet ? view.walletDifference : undefined };
}

/** What a run has done so far, and what it could not do. */
class Work {
  readonly actions: { symbol: string; done: readonly string[] }[] = [];
  readonly faults: string[] = [];
  readonly #handled = new Set<string>();

  /** One line for each position of somebody else that is left as it is: told in every run, as long as it is there. */
  leftPositions(): readonly string[] {
    const left = this.actions.filter(({ done }) => done.includes(LEFT));
    return left.map(({ symbol }) => `${symbol}: an external position is left as it is`);
  }

  /** Does one symbol's part once. What goes wrong with it is not the others' problem; the run then does not count as completed. */
  async once(symbol: string, act: () => Promise<readonly string[]>): Promise<void> {
    if (this.#handled.has(symbol)) return;
    try {
      const done = await act();
      // What waits is tried again after booking.
      if (!done.includes('waiting')) this.#handled.add(symbol);
      const before = this.actions.findIndex((action) => action.symbol === symbol);
      if (before >= 0) this.actions.splice(before, 1);
      if (done.length > 0) this.actions.push({ symbol, done });
    } catch (error) {
      this.#handled.add(symbol);
      this.faults.push(`${symbol}: ${messageOf(error)}`);
    }
  }
}

async function protectAll(
  context: ExecutionContext,
  { reading, adoptable, work }: { reading: AccountReading; adoptable: ReadonlySet<string>; work: Work },
): Promise<void> {
  const externalPositions = new Set(externalPositionsOf(reading));
  for (const [symbol, held] of reading.held) {
    if (externalPositions.has(symbol) && !adoptable.has(symbol)) continue;
    await work.once(symbol, () =>
      protectSymbol(context, reading, { held, adoptable: adoptable.has(symbol) }),
    );
  }
}

async function finaliseAll(context: ExecutionContext, view: AccountView, work: Work): Promise<void> {
  const symbols = new Set([...Object.keys(view.gate?.reserved ?? {}), ...view.positions.keys()]);
  for (const symbol of symbols)
    if (!view.held.has(symbol)) await work.once(symbol, () => finaliseTrade(context, view, symbol));
  const orphanOrders = await agedOrphanOrders(context, view);
  work.faults.push(...(await cancelOpenOrders(context, orphanOrders)));
  for (const { symbol } of orphanOrders) work.actions.push({ symbol, done: ['orphan_order_cancelled'] });
}

/** Strays that are not just on their way into our records: execute may have sent them after we looked. */
async function agedOrphanOrders(context: ExecutionContext, view: AccountView) {
  const { risk, broker, clock } = context;
  const orphanOrders = orphanOrdersOf(view).filter(
    ({ symbol }) =>
      // Which orders a record names that cannot be read is not known.
      !view.unreadableRecords.has(symbol) &&
      (view.held.has(symbol) || !(symbol in (view.gate?.reserved ?? {}))),
  );
  const records = await Promise.all(
    orphanOrders.map(({ clientOrderId }) => executionRecords(risk).orders.get(broker.scope, clientOrderId)),
  );
  const nowMs = clock.nowMs();
  return orphanOrders.filter(
    (_, index) =>
      nowMs - (records[index]?.value.createdAtMs ?? 0) > SEND_MS_MAX &&
      !isLeftToOthers(context, records[index]),
  );
}

/** Equity at mark prices: what the account would be worth if it were closed there and then. Fails with one line. */
async function snapshot(
  { risk, broker, clock, codeVersion }: PositionManagerContext,
  { held, walletMicroUsdt, unreadablePositions }: AccountView,
): Promise<Result<EquitySnapshot, string>> {
  if (walletMicroUsdt === undefined || unreadablePositions.length > 0)
    return failure('equity: wallet or positions cannot be read');
  const unmarked = [...held.values()].filter(({ markPrice }) => markPrice === null);
  const last = unmarked.length === 0 ? undefined : await broker.prices(unmarked.map(({ symbol }) => symbol));
  const atMs = clock.nowMs();
  let unrealisedMicroUsdt = 0;
  let exposureMicroUsdt = 0;
  for (const { symbol, quantity, entryPrice, markPrice } of held.values()) {
    const price = markPrice ?? (last?.ok ? last.value.get(symbol) : undefined);
    if (entryPrice === null || price === undefined) return failure(`equity: ${symbol} has no price`);
    unrealisedMicroUsdt += microUsdt(quantity * (price - entryPrice));
    exposureMicroUsdt += microUsdt(Math.abs(quantity) * price);
  }
  const equity: EquitySnapshot = {
    atMs,
    equityMicroUsdt: walletMicroUsdt + unrealisedMicroUsdt,
    walletMicroUsdt,
    exposureMicroUsdt,
    positions: held.size,
    codeVersion,
  };
  const records = executionRecords(risk);
  await records.equity.add(broker.scope, equity);
  if ((await records.days.get(broker.scope, dayId(atMs))) === undefined)
    await records.days.add(broker.scope, dayId(atMs), { startMicroUsdt: equity.equityMicroUsdt });
  return success(equity);
}
