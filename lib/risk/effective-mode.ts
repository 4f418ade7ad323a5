// Whether the system may take on new exposure, and with what: the most restrictive of flags, latch, lease and rollout stage.
// Everything has to be proven open; whatever is missing, malformed, unreadable or out of date is OFF.

import type { FlagName, FlagState, FlagsState } from './flags.ts';
import { FLAG_NAMES } from './flags.ts';
import { type Latch, leaseBounds } from './latch.ts';
import type { Level } from './level.ts';

export type Mode = 'OFF' | 'PAPER' | 'LIVE';

/** A fact that lives in a store: read, not there, or not readable (throttled, denied, garbage). */
export type Reading<T> =
  | { readonly state: 'value'; readonly value: T }
  | { readonly state: 'missing' }
  | { readonly state: 'unreadable'; readonly message: string };

/** Closed list of why the mode is not LIVE. `paper_trading` alone is PAPER; any other one is OFF. */
export const MODE_REASONS = {
  flag_missing: 'a flag is not set',
  flag_malformed: 'a flag says something that is not allowed',
  flag_unreadable: 'a flag cannot be read',
  ai_trading_off: 'QT_ENABLE_AI_TRADING is false',
  emergency: 'EMERGENCY_MODE is true',
  breaker_flag: 'CIRCUIT_BREAKER_TRIGGERED is true',
  execution_off: 'QT_PAPER_TRADING is false and QT_ENABLE_EXECUTION is not true',
  latch_tripped: 'the circuit breaker has tripped',
  latch_missing:
    'the scope is not started: the circuit breaker arms after the first runs of infer and manage-positions',
  latch_unreadable: 'the latch cannot be read',
  lease_expired: 'the circuit breaker has shown no sign of life for 150 s',
  lease_missing: 'the circuit breaker has never shown a sign of life',
  lease_unreadable: 'the lease cannot be read',
  lease_implausible: 'the lease ends later than any that the circuit breaker grants',
  level_missing: 'there is no rollout stage',
  level_unreadable: 'the rollout stage cannot be read',
  level_paper_only: 'QT_PAPER_TRADING is false, but the rollout stage is PAPER',
  level_not_approved: 'the rollout stage lacks a sign-off',
  versions_differ: 'the functions run different versions of the code',
  paper_trading: 'QT_PAPER_TRADING is true',
} as const;
export type ModeReasonCode = keyof typeof MODE_REASONS;

export interface ModeReason {
  readonly code: ModeReasonCode;
  /** One line for the operator: what was seen. */
  readonly message: string;
}

export interface ModeEvidence {
  readonly flags: FlagsState;
  /** Of the scope that would trade: `live` when QT_PAPER_TRADING is false, else `paper`. */
  readonly latch: Reading<Latch>;
  /** `leaseUntilMs` of the same item. */
  readonly lease: Reading<number>;
  /** `approved`: the stage has every sign-off that it needs. */
  readonly level: Reading<{ readonly level: Level; readonly approved: boolean }>;
  readonly nowMs: number;
}

/** The mode, and every reason that holds it below LIVE (none only when LIVE). Total: never throws. */
export function effectiveMode(evidence: ModeEvidence): {
  readonly mode: Mode;
  readonly reasons: readonly ModeReason[];
} {
  const { flags, latch, lease, level, nowMs } = evidence;
  const wantsLive = differs(flags.QT_PAPER_TRADING, true);
  const closing = [
    ...flagReasons(flags),
    ...latchReasons(latch),
    ...leaseReasons(lease, nowMs),
    ...levelReasons(level, wantsLive),
  ];
  if (closing.length > 0) return { mode: 'OFF', reasons: closing };
  return wantsLive ? { mode: 'LIVE', reasons: [] } : { mode: 'PAPER', reasons: [reason('paper_trading')] };
}

const reason = (code: ModeReasonCode, message: string = MODE_REASONS[code]): ModeReason => ({
  code,
  message,
});

/** Read, and something else than `wanted`. A flag that was not read has its own reason. */
const differs = (flag: FlagState<boolean>, wanted: boolean): boolean =>
  flag.state === 'value' && flag.value !== wanted;

function flagReasons(flags: FlagsState): ModeReason[] {
  const unknown = FLAG_NAMES.flatMap((name: FlagName) => {
    const flag = flags[name];
    return flag.state === 'value' ? [] : [reason(`flag_${flag.state}`, flag.message)];
  });
  const closed: ModeReason[] = [];
  if (differs(flags.QT_ENABLE_AI_TRADING, true)) closed.push(reason('ai_trading_off'));
  if (differs(flags.EMERGENCY_MODE, false)) closed.push(reason('emergency'));
  if (differs(flags.CIRCUIT_BREAKER_TRIGGERED, false)) closed.push(reason('breaker_flag'));
  if (differs(flags.QT_PAPER_TRADING, true) && differs(flags.QT_ENABLE_EXECUTION, true))
    closed.push(reason('execution_off'));
  return [...unknown, ...closed];
}

function latchReasons(latch: ModeEvidence['latch']): ModeReason[] {
  if (latch.state === 'missing') return [reason('latch_missing')];
  if (latch.state === 'unreadable') return [reason('latch_unreadable', latch.message)];
  return latch.value === 'ARMED' ? [] : [reason('latch_tripped')];
}

function leaseReasons(lease: ModeEvidence['lease'], nowMs: number): ModeReason[] {
  if (lease.state === 'missing') return [reason('lease_missing')];
  if (lease.state === 'unreadable') return [reason('lease_unreadable', lease.message)];
  const { earliestMs, latestMs } = leaseBounds(nowMs);
  // Written so that NaN on either side falls through to a reason.
  if (lease.value >= earliestMs && lease.value <= latestMs) return [];
  return [reason(lease.value > latestMs ? 'lease_implausible' : 'lease_expired')];
}

function levelReasons(level: ModeEvidence['level'], wantsLive: boolean): ModeReason[] {
  if (level.state === 'missing') return [reason('level_missing')];
  if (level.state === 'unreadable') return [reason('level_unreadable', level.message)];
  if (!wantsLive) return [];
  if (level.value.level === 'PAPER') return [reason('level_paper_only')];
  return level.value.approved ? [] : [reason('level_not_approved')];
}
