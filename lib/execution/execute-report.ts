// The record of one run of execute: which mode it found, and what became of each signal that wanted to act. Kept for GO/NO-GO.
import * as z from 'zod';
import { MODE_REASONS, type ModeReasonCode } from '../risk/effective-mode.ts';
import { GATE_DENIALS } from '../risk/gate.ts';
import { PRE_TRADE_DENIALS } from './plan-entry.ts';

/** Closed list of what becomes of a BUY or SELL signal. */
const DECISION_OUTCOMES = {
  entered: 'the entry was accepted by the exchange',
  entry_rejected: 'the exchange refused the entry',
  entry_unknown: 'the exchange did not say whether it took the entry: the position manager looks it up',
  entry_withdrawn: 'a gate closed between the authorisation and the order: it was not sent',
  entry_unsent:
    'not taken: the process was held up, its id was not looked up, a request limit left no room, or the exchange was overloaded',
  exited: 'the signal is against the open position, which is closed',
  exit_rejected: 'the exchange refused the exit',
  exit_unsent:
    'not taken: the process was held up, a request limit left no room, or the exchange was overloaded',
  exit_unknown: 'the exchange did not say whether it took the exit: the position manager looks it up',
  exit_pending: 'the position is being closed already',
  feature_set_mismatch: 'the signal was made from another feature set than the one of this code',
  ensemble_mismatch: 'the signal was made by another ensemble than the active one, or than the event says',
  ensemble_unavailable: 'the active ensemble cannot be read',
  equity_unknown: 'there is no fresh mark of the equity',
  exchange_unavailable: 'the exchange does not answer, or the symbol cannot be prepared',
  policy_unavailable: "the ensemble's sizing policy cannot be used, or gives no share from 0 to 1",
  mode_off: 'the effective mode went OFF, or changed its scope, while the run was under way',
  ...PRE_TRADE_DENIALS,
  ...GATE_DENIALS,
} as const;
export type DecisionOutcome = keyof typeof DECISION_OUTCOMES;

export const executeReportSchema = z.object({
  barOpenTimeMs: z.int(),
  shard: z.int().min(0),
  shardCount: z.int().min(1),
  atMs: z.int(),
  scope: z.enum(['paper', 'live']),
  mode: z.enum(['OFF', 'PAPER', 'LIVE']),
  reasons: z.array(
    z.strictObject({ code: z.enum(Object.keys(MODE_REASONS) as [ModeReasonCode]), message: z.string() }),
  ),
  /** One line for each function whose version of the code is another: nothing is entered on its word. */
  versionDifferences: z.array(z.string()).default([]),
  /** Symbols whose signals infer says it stored, and that could not be read: nothing is done for them. */
  missingSignals: z.array(z.string()).default([]),
  /** Signals of the bar and shard that hold. */
  held: z.int().min(0),
  /** The others; a signal that several things stand against is there once, with all of them. */
  decisions: z.array(
    z.strictObject({
      symbol: z.string(),
      action: z.enum(['BUY', 'SELL']),
      outcomes: z.array(z.enum(Object.keys(DECISION_OUTCOMES) as [DecisionOutcome])).min(1),
      message: z.string(),
    }),
  ),
});
export type ExecuteReport = z.infer<typeof executeReportSchema>;
export type Decision = ExecuteReport['decisions'][number];
