// A backtest as one loop over columns: the decisions, sizes, limits, fills and books of trading, by the functions that trade, without
// stores, records and promises between them. It gives what the use cases give, to the last digit, or says that it cannot.
import { failure, type Result, success } from '../../core/result.ts';
import { type Allowance, allowance, exitDueMs, volatilityPerBar } from '../../execution/entry-account.ts';
import type { DecisionOutcome } from '../../execution/execute-report.ts';
import { bookLimits, type TradingLimits } from '../../execution/limits.ts';
import type { PaperOrder } from '../../execution/paper/paper-account.ts';
import { PAPER_BRACKETS } from '../../execution/paper/paper-brackets.ts';
import type { PaperCosts } from '../../execution/paper/paper-matching.ts';
import { planEntry } from '../../execution/plan-entry.ts';
import { slidingBetas } from '../../market/beta.ts';
import { BAR_MS } from '../../market/candle.ts';
import type { CandleSeries } from '../../market/candle-series.ts';
import type { Ensemble } from '../../models/ensemble.ts';
import { ACTIONS, type Action } from '../../models/vote.ts';
import { effectiveMode } from '../../risk/effective-mode.ts';
import type { FlagsState } from '../../risk/flags.ts';
import { LEASE_MS } from '../../risk/latch.ts';
import { type BacktestRun, BREAKER_MS, EXECUTE_MS, POSITION_MANAGER_MS, SETTLE_MS } from '../backtest-run.ts';
import { type ActingSignals, type DecidedSymbol, findActingSignals } from './acting-signals.ts';
import { RecordedFilters } from './recorded-filters.ts';
import { ReplayedAccount, Unplayable } from './replayed-account.ts';
import { ReplayedGate } from './replayed-gate.ts';

export interface ReplayRequest {
  /** As the settings change it. */
  readonly ensemble: Ensemble;
  readonly fromMs: number;
  readonly toMs: number;
  readonly depositMicroUsdt: number;
  readonly costs: PaperCosts;
  readonly flags: FlagsState;
  readonly limits: TradingLimits;
  /** Bitcoin's candles: without them no beta is known, and nothing is entered. */
  readonly bitcoin: CandleSeries | undefined;
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

type BetaOf = (series: CandleSeries, barOpenTimeMs: number) => number | null;

/** A signal that acts. */
class Acting {
  readonly index: number;
  readonly symbol: string;
  readonly action: 'BUY' | 'SELL';
  readonly barOpenTimeMs: number;
  readonly close: number;
  readonly atr: number;
  readonly stopAtr: number;
  readonly ensembleId: string;
  readonly edgeBps: number;
  readonly #series: CandleSeries;
  readonly #betaOf: BetaOf;

  constructor(
    { series, decided }: DecidedSymbol,
    place: { readonly index: number; readonly row: number },
    about: { readonly ensembleId: string; readonly betaOf: BetaOf },
  ) {
    const { index, row } = place;
    const candle = decided.candle[row]!;
    this.index = index;
    this.symbol = decided.symbol;
    this.action = ACTIONS[decided.lean[row]!] as 'BUY' | 'SELL';
    this.barOpenTimeMs = series.openTimeMs[candle]!;
    this.close = series.close[candle]!;
    this.atr = decided.atr[row]!;
    this.stopAtr = decided.stopAtr[row]!;
    this.ensembleId = about.ensembleId;
    this.edgeBps = decided.edgeBps[row]!;
    this.#series = series;
    this.#betaOf = about.betaOf;
  }

  /** Computed when it is asked for: most signals are denied before. */
  get betaToBitcoin(): number | null {
    return this.#betaOf(this.#series, this.barOpenTimeMs);
  }
}

class RunningReplay {
  readonly #about: { readonly ensembleId: string; readonly betaOf: BetaOf };
  readonly #symbols: readonly DecidedSymbol[];
  readonly #request: ReplayRequest;
  readonly #acting: ActingSignals;
  readonly #account: ReplayedAccount;
  readonly #filters: RecordedFilters;
  readonly #snapshots: { atMs: number; equityMicroUsdt: number }[] = [];
  readonly #outcomes: Partial<Record<DecisionOutcome, number>> = {};
  readonly #gate: ReplayedGate;
  #equityMicroUsdt: number;

  constructor(symbols: readonly DecidedSymbol[], request: ReplayRequest) {
    const { fromMs, depositMicroUsdt, costs, ensemble, bitcoin, onOrder } = request;
    this.#symbols = symbols;
    this.#request = request;
    const betas = slidingBetas();
    this.#about = {
      ensembleId: ensemble.id,
      betaOf: (series, barMs) => (bitcoin === undefined ? null : betas(series, bitcoin, barMs)),
    };
    this.#acting = findActingSignals(symbols, request, ensemble);
    this.#filters = new RecordedFilters(symbols.map(({ series }) => series));
    const named = symbols.map(({ series, decided }) => ({ series, symbol: decided.symbol }));
    const terms = { depositMicroUsdt, costs, filters: this.#filters, onOrder };
    this.#account = new ReplayedAccount(named, terms);
    this.#gate = new ReplayedGate(fromMs);
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
    const ended = this.#account.followBar(closeMs, nowMs);
    for (const entry of ended) this.#gate.release(entry);
    // As the account stood before anything is sent.
    this.#equityMicroUsdt = this.#account.equityMicroUsdt(nowMs);
    return this.#account.leaveDue(nowMs) || ended.length > 0;
  }

  #settle(closeMs: number): void {
    for (const entry of this.#account.settle(closeMs + SETTLE_MS)) this.#gate.release(entry);
    this.#equityMicroUsdt = this.#account.equityMicroUsdt(closeMs + SETTLE_MS);
  }

  /** @returns whether it closed a position */
  #execute(bar: number, closeMs: number): boolean {
    const nowMs = closeMs + EXECUTE_MS;
    this.#filters.ask(nowMs);
    this.#gate.renewLease(closeMs + BREAKER_MS + LEASE_MS);
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
    const allowed = allowance(
      { mode: 'PAPER', flags: this.#request.flags, level: 'PAPER' },
      this.#equityMicroUsdt,
    );
    for (const signal of free)
      for (const outcome of this.#enter(signal, allowed, nowMs)) this.#count(outcome);
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
      const index = symbol[place]!;
      acting.push(new Acting(this.#symbols[index]!, { index, row: row[place]! }, this.#about));
    }
    return acting.length < 2 ? acting : acting.sort((a, b) => b.edgeBps - a.edgeBps);
  }

  // Objects are written out: copying them into one another takes longer than all of the rules.
  #enter(signal: Acting, allowed: Allowance | undefined, nowMs: number): readonly DecisionOutcome[] {
    const { policy, limits, ensemble } = this.#request;
    const filters = this.#filters.of(signal.index);
    if (filters === undefined) return ['not_listed'];
    if (this.#account.sideOf(signal.index) !== undefined) return ['position_open'];
    if (allowed === undefined) return ['mode_off'];
    const { equityMicroUsdt, allocatedMicroUsdt, positions } = allowed;
    const used = this.#gate;
    const planned = planEntry({
      scope: 'paper',
      signal,
      filters,
      limits,
      nowMs,
      price: this.#account.priceOf(signal.index, nowMs),
      volatilityPerBar: volatilityPerBar(signal),
      policy: policy(signal),
      stopAtrMultiple: ensemble.stopAtrMultiple,
      brackets: PAPER_BRACKETS,
      account: {
        equityMicroUsdt,
        allocatedMicroUsdt,
        positions,
        exposureMicroUsdt: used.exposureMicroUsdt,
        sideMicroUsdt: used.sideMicroUsdt,
        netBetaMicroUsdt: used.netBetaMicroUsdt,
        oldestBetaAtMs: used.oldestReservationMs(nowMs),
        positionCount: used.positionCount,
        reservedSymbols: used.reservedSymbols,
        ordersLastMinute: used.ordersLastMinute,
      },
    });
    if (!planned.ok) return planned.error;
    const denial = this.#gate.authorise(planned.value, { limits: bookLimits(allowed, limits), nowMs });
    if (denial !== undefined) return [denial];
    const dueMs = exitDueMs(signal.barOpenTimeMs, ensemble.holdBars);
    this.#account.enter(signal.index, planned.value, { nowMs, exitDueMs: dueMs });
    return ENTERED;
  }
}

const ENTERED: readonly DecisionOutcome[] = ['entered'];
