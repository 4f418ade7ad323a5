// What happened in a backtest, as the records tell it.
import type { DecisionOutcome } from '../execution/execute-report.ts';
import type { Ledger } from '../execution/ledger/ledger.ts';
import type { PositionRecord } from '../execution/records.ts';
import type { HoldReason } from '../inference/signal.ts';
import type { Action } from '../models/vote.ts';
import type { TradeRecord } from '../risk/records.ts';

/** What was decided at all bars: by action, and why nothing was to be done; a HOLD may have several reasons. */
export interface SignalCounts {
  readonly actions: Readonly<Record<Action, number>>;
  readonly holdReasons: Readonly<Partial<Record<HoldReason, number>>>;
}

export interface BacktestRun {
  /** In order of closing. */
  readonly trades: readonly TradeRecord[];
  readonly open: readonly (Pick<
    PositionRecord,
    'symbol' | 'side' | 'openedAtMs' | 'quantity' | 'entryPrice' | 'stopPrice'
  > & { readonly markPrice: number })[];
  /** Equity at the start and at every bar's close, without gaps. */
  readonly snapshots: readonly { readonly atMs: number; readonly equityMicroUsdt: number }[];
  readonly ledger: Ledger;
  readonly signals: SignalCounts;
  /** Outcomes of BUY and SELL signals; a signal denied for several reasons counts for each. */
  readonly outcomes: Readonly<Partial<Record<DecisionOutcome, number>>>;
  readonly trip: { readonly atMs: number; readonly message: string } | undefined;
  /** One line each: what the position manager could not do, and where ledger and account differed. */
  readonly problems: readonly string[];
}

/** After a bar's close: first the position manager, so that closed positions make room, then the breaker, then execute. */
export const POSITION_MANAGER_MS = 1_000;
export const BREAKER_MS = 2_000;
export const EXECUTE_MS = 3_000;
/** The position manager's next minute settles its orders; further ones would see nothing new before the next close. */
export const SETTLE_MS = 61_000;

/** In a replay one process plays all functions. */
export const REPLAY_VERSION = 'replay';
