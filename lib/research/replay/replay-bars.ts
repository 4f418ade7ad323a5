// A backtest as one loop over columns: the decisions, sizes, limits, fills and books of trading, by the functions that trade, without
// stores, records and promises between them. It gives what the use cases give, to the last digit, or says that it cannot.
import { failure, type Result, success } from '../../core/result.ts';
import { allowance, exitDueMs, usage, volatilityPerBar } from '../../execution/entry-account.ts';
import type { DecisionOutcome } from '../../execution/execute-report.ts';
import { exposureLimit, type TradingLimits } from '../../execution/limits.ts';
import type { EntryOrder } from '../../execution/order.ts';
import type { PaperOrder } from '../../execution/paper/paper-account.ts';
import type { PaperCosts } from '../../execution/paper/paper-matching.ts';
import { planEntry } from '../../execution/plan-entry.ts';
import { BAR_MS } from '../../market/candle.ts';
import type { Ensemble } from '../../models/ensemble.ts';
import { ACTIONS, type Action } from '../../models/vote.ts';
import { effectiveMode } from '../../risk/effective-mode.ts';
import type { FlagsState } from '../../risk/flags.ts';
import { FORGET_MAX, ID_MEMORY_MS, IDS_MAX, planAuthorisation } from '../../risk/gate.ts';
import { LEASE_MS } from '../../risk/latch.ts';
import {
  type BacktestRun,
  BREAKER_MS,
  EXECUTE_MS,
  POSITION_MANAGER_MS,
  REPLAY_VERSION,
  SETTLE_MS,
} from '../backtest-run.ts';
import { type ActingSignals, type DecidedSymbol, findActingSignals } from './acting-signals.ts';
import { RecordedFilters } from './recorded-filters.ts';
import { ReplayedAccount, Unplayable } from './replayed-account.ts';

export interface ReplayRequest {
  /** As the settings change it. */
  readonly ensemble: Ensemble;
  readonly fromMs: number;
  readonly toMs: number;
  readonly depositMicroUsdt: number;
  readonly costs: PaperCosts;
  readonly flags: FlagsState;
  readonly limits: TradingLimits;
  readonly policy: (signal: { readonly action: Action }) => number;
  /** Called with every order of the paper account once it has ended, and at last with those still open. */
  readonly onOrder?: ((order: PaperOrder) => void) | undefined;
}

/** @param symbols in alphabetical order. Fails with one line where the range has to be traded by the use cases themselves. */
export function replayBars(
  symbols: readonly DecidedSymbol[],
  request: ReplayRequest,
): Result<BacktestRun, string> {
  const run = new RunningReplay(symbols, request);
  try {
    return success(run.play());
  } catch (error) {
    if (error instanceof Unplayable) return failure(error.message);
    throw error;
  }
}

/** A signal that acts. */
interface Acting {
  readonly index: number;
  readonly symbol: string;
  readonly action: 'BUY' | 'SELL';
  readonly barOpenTimeMs: number;
  readonly close: number;
  readonly atr: number;
  readonly ensembleId: string;
  readonly edgeBps: number;
}

class RunningReplay {
  readonly #symbols: readonly DecidedSymbol[];
  readonly #request: ReplayRequest;
  readonly #acting: ActingSignals;
  readonly #account: ReplayedAccount;
  readonly #filters: RecordedFilters;
  readonly #snapshots: { atMs: number; equityMicroUsdt: number }[] = [];
  readonly #outcomes: Partial<Record<DecisionOutcome, number>> = {};
  /** When the ids that the gate remembers were authorised, oldest first; those before the first of them are forgotten. */
  readonly #authorisedMs: number[] = [];
  #forgotten = 0;
  #equityMicroUsdt: number;

  constructor(symbols: readonly DecidedSymbol[], request: ReplayRequest) {
    const { fromMs, depositMicroUsdt, costs, ensemble, onOrder } = request;
    this.#symbols = symbols;
    this.#request = request;
    this.#acting = findActingSignals(symbols, request, ensemble);
    this.#filters = new RecordedFilters(symbols.map(({ series }) => series));
    const named = symbols.map(({ series, decided }) => ({ series, symbol: decided.symbol }));
    const terms = { depositMicroUsdt, costs, filters: this.#filters, startMs: fromMs, onOrder };
    this.#account = new ReplayedAccount(named, terms);
    this.#equityMicroUsdt = depositMicroUsdt;
  }

  play(): BacktestRun {
    const { fromMs, toMs } = this.#request;
    const isTrading = this.#mode(fromMs) === 'PAPER';
    this.#record(fromMs);
    for (let closeMs = fromMs + BAR_MS; closeMs <= toMs; closeMs += BAR_MS) {
      const bar = (closeMs - fromMs) / BAR_MS - 1;
      const acts = this.#acting.start[bar + 1]! > this.#acting.start[bar]!;
      const isLast = closeMs === toMs;
      const isDue = acts || isLast || !this.#account.isFlat;
      const hasActed = isDue && this.#managePositions(closeMs);
      if (isLast) this.#settle(closeMs);
      this.#record(closeMs);
      // Nothing is entered at the end: the next open is not in the data.
      if (isLast) break;
      const hasClosed = acts && isTrading && this.#execute(bar, closeMs);
      if (hasActed || hasClosed) this.#settle(closeMs);
    }
    const account = this.#account;
    if (this.#request.onOrder !== undefined) account.openOrders().forEach(this.#request.onOrder);
    return {
      trades: account.trades(),
      open: account.open(toMs + SETTLE_MS),
      snapshots: this.#snapshots,
      ledger: account.ledger(),
      signals: this.#acting.counts,
      outcomes: this.#outcomes,
      trip: undefined,
      problems: [],
    };
  }

  #mode(nowMs: number) {
    return effectiveMode({
      flags: this.#request.flags,
      latch: { state: 'value', value: 'ARMED' },
      lease: { state: 'value', value: nowMs + LEASE_MS },
      level: { state: 'value', value: { level: 'PAPER', approved: true } },
      nowMs,
    }).mode;
  }

  #record(atMs: number): void {
    this.#snapshots.push({ atMs, equityMicroUsdt: this.#equityMicroUsdt });
  }

  /** @returns whether it acted */
  #managePositions(closeMs: number): boolean {
    const nowMs = closeMs + POSITION_MANAGER_MS;
    const hasClosed = this.#account.followBar(closeMs, nowMs);
    // As the account stood before anything is sent.
    this.#equityMicroUsdt = this.#account.equityMicroUsdt(nowMs);
    return this.#account.leaveDue(nowMs) || hasClosed;
  }

  #settle(closeMs: number): void {
    this.#account.settle(closeMs + SETTLE_MS);
    this.#equityMicroUsdt = this.#account.equityMicroUsdt(closeMs + SETTLE_MS);
  }

  /** @returns whether it closed a position */
  #execute(bar: number, closeMs: number): boolean {
    const nowMs = closeMs + EXECUTE_MS;
    this.#filters.ask(nowMs);
    this.#account.renewGate({
      leaseUntilMs: closeMs + BREAKER_MS + LEASE_MS,
      leaseCodeVersion: REPLAY_VERSION,
    });
    const acting = this.#signalsOf(bar);
    let hasClosed = false;
    const free: Acting[] = [];
    for (const signal of acting) {
      const side = this.#account.sideOf(signal.index);
      if (side === undefined || side === signal.action) free.push(signal);
      else if (this.#account.isLeft(signal.index)) this.#count('exit_pending');
      else {
        this.#account.leave(signal.index, nowMs);
        this.#count('exited');
        hasClosed = true;
      }
    }
    for (const signal of free) for (const outcome of this.#enter(signal, nowMs)) this.#count(outcome);
    return hasClosed;
  }

  #count(outcome: DecisionOutcome): void {
    this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1;
  }

  /** The largest expected edge first. */
  #signalsOf(bar: number): Acting[] {
    const { start, symbol, row } = this.#acting;
    const acting: Acting[] = [];
    for (let place = start[bar]!; place < start[bar + 1]!; place++) {
      const { series, decided } = this.#symbols[symbol[place]!]!;
      const own = row[place]!;
      const candle = decided.candle[own]!;
      acting.push({
        index: symbol[place]!,
        symbol: decided.symbol,
        action: ACTIONS[decided.lean[own]!] as 'BUY' | 'SELL',
        barOpenTimeMs: series.openTimeMs[candle]!,
        close: series.close[candle]!,
        atr: decided.atr[own]!,
        ensembleId: this.#request.ensemble.id,
        edgeBps: decided.edgeBps[own]!,
      });
    }
    return acting.length < 2 ? acting : acting.sort((a, b) => b.edgeBps - a.edgeBps);
  }

  #enter(signal: Acting, nowMs: number): readonly DecisionOutcome[] {
    const { policy, limits, flags, ensemble } = this.#request;
    const filters = this.#filters.of(signal.index);
    if (filters === undefined) return ['not_listed'];
    if (this.#account.sideOf(signal.index) !== undefined) return ['position_open'];
    const account = allowance({ mode: 'PAPER', flags, level: 'PAPER' }, this.#equityMicroUsdt);
    if (account === undefined) return ['mode_off'];
    const planned = planEntry({
      ...{ scope: 'paper', signal, filters, limits, nowMs },
      price: this.#account.priceOf(signal.index, nowMs),
      volatilityPerBar: volatilityPerBar(signal),
      policy: policy(signal),
      stopAtrMultiple: ensemble.stopAtrMultiple,
      account: { ...account, ...usage(this.#account.gate, nowMs) },
    });
    if (!planned.ok) return planned.error;
    const most = { exposureMicroUsdt: exposureLimit(account, limits), positions: account.positions };
    const denial = this.#authorise(planned.value, most, nowMs);
    if (denial !== undefined) return [denial];
    const dueMs = exitDueMs(signal.barOpenTimeMs, ensemble.label.horizonBars);
    this.#account.enter(signal.index, planned.value, { nowMs, exitDueMs: dueMs });
    return ['entered'];
  }

  #authorise(
    order: EntryOrder,
    limits: { readonly exposureMicroUsdt: number; readonly positions: number },
    nowMs: number,
  ): DecisionOutcome | undefined {
    const plan = planAuthorisation(order, {
      ...{
        mode: 'PAPER',
        flagsReadAtMs: nowMs,
        epoch: this.#account.gate.epoch,
        codeVersion: REPLAY_VERSION,
      },
      ...{ limits, forget: [], nowMs },
    });
    if (!plan.ok) return plan.error;
    // The item here holds the ids of this bar alone; how many there would be is counted, and is the gate's last condition.
    const isFull = this.#authorisedMs.length - this.#forgotten >= IDS_MAX;
    const full: DecisionOutcome = 'ids_full';
    if (isFull) return full;
    const denial = this.#account.commit(plan.value);
    if (denial !== undefined) return denial;
    this.#forgetIds(nowMs);
    this.#authorisedMs.push(nowMs);
    return undefined;
  }

  /** As prunableIds does. */
  #forgetIds(nowMs: number): void {
    const last = Math.min(this.#authorisedMs.length, this.#forgotten + FORGET_MAX);
    while (this.#forgotten < last && this.#authorisedMs[this.#forgotten]! <= nowMs - ID_MEMORY_MS)
      this.#forgotten++;
  }
}
