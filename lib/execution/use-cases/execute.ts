// Turns the signals of one bar and shard into orders: exits of positions that a signal is against, then entries, the largest
// expected edge first. Nothing is entered that is not proven allowed at that moment: flags, latch, lease and stage are read
// again before every single authorisation, and the gate's one conditional write decides.
import type { ObjectStore } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { SECOND_MS } from '../../core/units.ts';
import { FEATURE_SET_HASH } from '../../features/feature-set.ts';
import type { BarDecided } from '../../inference/infer-events.ts';
import type { SignalStore } from '../../inference/ports.ts';
import type { Signal } from '../../inference/signal.ts';
import { readCurrentEnsemble } from '../../models/use-cases/read-ensemble.ts';
import type { SizingPolicies } from '../../models/use-cases/sizing-policies.ts';
import { versionDifferences } from '../../risk/code-version.ts';
import type { Scope } from '../../risk/gate.ts';
import type { Versioned } from '../../risk/ports.ts';
import type { EquitySnapshot } from '../../risk/records.ts';
import { type ModeNow, type ModeSources, readMode } from '../../risk/use-cases/read-mode.ts';
import { recentFlags } from '../../risk/use-cases/recent-flags.ts';
import { allRecords } from '../../risk/use-cases/typed-records.ts';
import type { Decision, DecisionOutcome, ExecuteReport } from '../execute-report.ts';
import { TRADING_LIMITS, type TradingLimits } from '../limits.ts';
import type { Broker } from '../ports.ts';
import type { PositionRecord } from '../records.ts';
import {
  type ActingSignal,
  type EntrySession,
  enterPosition,
  originDenial,
  type Policy,
} from './enter-position.ts';
import { openSizing } from './entry-share.ts';
import { executionRecords } from './execution-records.ts';
import { sendExit } from './positions/protect-position.ts';
import { readDecidedSignals } from './read-decided-signals.ts';
import type { ExecutionContext } from './send-order.ts';

/** The bar and shard to act on, as infer decided them. */
export type ExecuteRequest = Omit<BarDecided, 'written' | 'alreadyDecided'>;

export interface ExecuteDependencies extends ModeSources {
  readonly signals: SignalStore;
  /** Holds the active ensemble: its horizon and stop distance. */
  readonly objects: ObjectStore;
  /** Rejects when the account cannot be opened at all. */
  readonly brokerOf: (scope: Scope) => Broker | Promise<Broker>;
  readonly policy: Policy;
  /** What the ensemble's entries are sized by. */
  readonly policies: SizingPolicies;
  /** @default TRADING_LIMITS; a backtest may ask what others would have done */
  readonly limits?: TradingLimits;
  /** Of this function. */
  readonly codeVersion: string;
  /** Monotonic, ms: for durations only. */
  readonly stopwatchMs: () => number;
  /** @default it reads again at once what the index by bar does not show yet */
  readonly sleep?: ((durationMs: number) => Promise<unknown>) | undefined;
}

/** Throws StoreError when a store cannot be used: the run is then repeated, which is harmless. */
export async function execute(
  dependencies: ExecuteDependencies,
  request: ExecuteRequest,
): Promise<ExecuteReport> {
  const { risk, clock, codeVersion } = dependencies;
  const flagsOf = recentFlags(dependencies.flags, clock);
  const now = await readMode(dependencies, () => flagsOf('recent'));
  const [{ signals: mine, missing }, snapshot] = await Promise.all([
    readDecidedSignals(dependencies, request),
    executionRecords(risk).equity.latest(now.scope),
  ]);
  const acting = mine.filter(acts).sort((a, b) => (b.expectedEdgeBps ?? 0) - (a.expectedEdgeBps ?? 0));
  const decisions =
    now.mode === 'OFF' ? [] : await decideAll(dependencies, { now, flagsOf, request, acting, snapshot });
  const report: ExecuteReport = {
    barOpenTimeMs: request.barOpenTimeMs,
    shard: request.shard,
    shardCount: request.shardCount,
    atMs: clock.nowMs(),
    scope: now.scope,
    mode: now.mode,
    reasons: [...now.reasons],
    versionDifferences: versionDifferences(codeVersion, [
      ...mine.map((signal) => ['infer', signal.codeVersion] as const),
      ...(snapshot === undefined ? [] : [['manage-positions', snapshot.codeVersion] as const]),
      ...(now.gate === undefined ? [] : [['circuit-breaker', now.gate.leaseCodeVersion] as const]),
    ]),
    missingSignals: [...missing],
    held: mine.length - acting.length,
    decisions,
  };
  // The first report stands: a repetition could only add its own denials.
  await executionRecords(risk).executeReports.add(now.scope, report);
  return report;
}

const acts = (signal: Signal): signal is ActingSignal => signal.action !== 'HOLD';

const decided = (signal: ActingSignal, outcomes: readonly DecisionOutcome[], message = ''): Decision => ({
  symbol: signal.symbol,
  action: signal.action,
  outcomes: [...outcomes],
  message,
});

/** What exits and entries of a run have in common; the rest is asked for when there is something to enter. */
type RunSession = Omit<EntrySession, 'brackets' | 'sizing'>;

async function decideAll(
  dependencies: ExecuteDependencies,
  run: {
    now: ModeNow;
    flagsOf: EntrySession['flagsOf'];
    request: ExecuteRequest;
    acting: readonly ActingSignal[];
    snapshot: EquitySnapshot | undefined;
  },
): Promise<Decision[]> {
  const { now, flagsOf, request, acting, snapshot } = run;
  if (acting.length === 0) return [];
  const all = (outcome: DecisionOutcome, message: string) =>
    acting.map((signal) => decided(signal, [outcome], message));
  if (request.featureSetHash !== FEATURE_SET_HASH)
    return all('feature_set_mismatch', `the event says ${request.featureSetHash}`);
  const current = await readCurrentEnsemble(dependencies.objects);
  if (!current.ok) return all('ensemble_unavailable', current.error.message);
  const { id, stopAtrMultiple, holdBars } = current.value.ensemble;
  if (request.ensembleId !== id) return all('ensemble_mismatch', `${id} is active`);
  const { risk, clock, brokerOf } = dependencies;
  const broker = await brokerOf(now.scope);
  const context: ExecutionContext = { risk, clock, broker };
  const market = await readMarket(broker, acting);
  if (!market.ok) return all('exchange_unavailable', market.error);
  const session: RunSession = {
    modes: dependencies,
    flagsOf,
    policy: dependencies.policy,
    limits: dependencies.limits ?? TRADING_LIMITS,
    context,
    ensemble: { id, stopAtrMultiple, holdBars },
    codeVersion: dependencies.codeVersion,
    stopwatchMs: dependencies.stopwatchMs,
    equity:
      snapshot !== undefined && clock.nowMs() - snapshot.atMs <= EQUITY_AGE_MS_MAX ? snapshot : undefined,
    ...market.value,
  };
  const decisions: Decision[] = [];
  const { against, free } = await splitByPosition(context, acting);
  for (const { signal, position } of against) decisions.push(await leave(session, signal, position));
  if (free.length === 0) return decisions;
  // Asked for after the exits: no exit waits for what only entries need.
  const brackets = await readBrackets(broker, free);
  const sizing = await openSizing(dependencies, current.value.ensemble, { ...now, nowMs: clock.nowMs() });
  try {
    for (const signal of free) {
      const { outcomes, message } = await enterPosition({ ...session, brackets, sizing }, signal);
      decisions.push(decided(signal, outcomes, message));
    }
  } finally {
    if (sizing.policy.ok) await sizing.policy.value?.release();
  }
  return decisions;
}

async function readMarket(
  broker: Broker,
  acting: readonly ActingSignal[],
): Promise<Result<Pick<EntrySession, 'filters' | 'prices'>, string>> {
  const [filters, prices] = await Promise.all([
    broker.filters(),
    broker.prices(acting.map(({ symbol }) => symbol)),
  ]);
  if (!filters.ok) return failure(filters.error.message);
  return prices.ok
    ? success({ filters: filters.value, prices: prices.value })
    : failure(prices.error.message);
}

/** Where they cannot be read, no symbol has any, and nothing is entered. */
async function readBrackets(
  broker: Broker,
  free: readonly ActingSignal[],
): Promise<EntrySession['brackets']> {
  const read = await broker.leverageBrackets(free.map(({ symbol }) => symbol));
  return read.ok ? read.value : new Map();
}

/** A snapshot older than this says nothing: the position manager is silent. */
const EQUITY_AGE_MS_MAX = 150 * SECOND_MS;

/** A signal against an open position closes it and goes no further in this bar; all others may enter. */
async function splitByPosition({ risk, broker }: ExecutionContext, acting: readonly ActingSignal[]) {
  const stored = allRecords(await executionRecords(risk).positions.all(broker.scope));
  const positions = new Map(stored.map((position) => [position.value.symbol, position]));
  const against: { signal: ActingSignal; position: Versioned<PositionRecord> }[] = [];
  const free: ActingSignal[] = [];
  for (const signal of acting) {
    const position = positions.get(signal.symbol);
    if (position !== undefined && position.value.side !== signal.action) against.push({ signal, position });
    else free.push(signal);
  }
  return { against, free };
}

/** Closes a position that the signal is against. Nothing of it needs the gate. */
async function leave(
  session: RunSession,
  signal: ActingSignal,
  position: Versioned<PositionRecord>,
): Promise<Decision> {
  const { context } = session;
  const denial = originDenial(session, signal);
  if (denial !== undefined) return decided(signal, [denial]);
  const { orders } = executionRecords(context.risk);
  const entry = await orders.get(context.broker.scope, position.value.entryClientOrderId);
  if (entry === undefined)
    return decided(signal, ['exit_pending'], 'the entry has no record: the position manager closes it');
  const { symbol, side } = position.value;
  // The position manager's exit or the stop may have closed it since its last run: the exchange would refuse a second exit.
  const held = await context.broker.positions();
  if (!held.ok) return decided(signal, ['exchange_unavailable'], held.error.message);
  const holding = held.value.rows.find((row) => row.symbol === symbol && row.hedgeSide === undefined);
  if (holding === undefined)
    return decided(signal, ['exit_pending'], 'nothing is held any more: the position manager closes it');
  if (side !== (holding.quantity > 0 ? 'BUY' : 'SELL'))
    return decided(
      signal,
      ['exit_pending'],
      'what is held is not what was opened: the position manager ends it',
    );
  const quantity = Math.abs(holding.quantity);
  const exit = await sendExit(context, position, { entry: entry.value, quantity, reason: 'signal' });
  switch (exit.outcome) {
    case 'acknowledged':
      return decided(signal, ['exited']);
    case 'rejected':
    case 'unknown':
      return decided(signal, [`exit_${exit.outcome}`], exit.message);
    case 'unsent':
      return decided(signal, ['exit_unsent'], exit.message);
    case 'already_submitted':
    case 'conflict':
    case 'paused':
      return decided(signal, ['exit_pending']);
  }
}
