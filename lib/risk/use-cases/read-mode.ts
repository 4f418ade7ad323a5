// The effective mode as it is now: flags, gate item and rollout read fresh, judged by effective-mode.ts. What cannot be read
// says so, and so is OFF; a mode that was read is good for the gate for one second.

import { messageOf } from '../../core/message-of.ts';
import type { Clock } from '../../core/ports.ts';
import {
  effectiveMode,
  type Mode,
  type ModeEvidence,
  type ModeReason,
  type Reading,
} from '../effective-mode.ts';
import { type FlagsState, parseFlags } from '../flags.ts';
import type { GateItem, Scope } from '../gate.ts';
import type { Level } from '../level.ts';
import type { FlagStore, RiskStore } from '../ports.ts';
import { readLevel } from './read-level.ts';
import { type FlagsRead, readFlags } from './recent-flags.ts';

export interface ModeSources {
  readonly flags: FlagStore;
  readonly risk: RiskStore;
  readonly clock: Clock;
}

export interface ModeNow {
  readonly mode: Mode;
  /** Every reason that holds it below LIVE. */
  readonly reasons: readonly ModeReason[];
  /** The scope that trades, or would: live when QT_PAPER_TRADING is false. */
  readonly scope: Scope;
  readonly flags: FlagsState;
  /** Before the flags were asked for: they are at most this old. */
  readonly flagsReadAtMs: number;
  /** Of that scope; undefined when it is missing or cannot be read. */
  readonly gate: GateItem | undefined;
  /** Whose limits hold; undefined when it is not known. */
  readonly level: Level | undefined;
}

/**
 * Never throws.
 * @param flagsOf for decisions of one run that share a reading. @default the flags are read now
 */
export async function readMode(
  { flags: store, risk, clock }: ModeSources,
  flagsOf: () => Promise<FlagsRead> = () => readFlags(store, clock),
): Promise<ModeNow> {
  const { readings, readAtMs: flagsReadAtMs } = await flagsOf();
  const flags = parseFlags(readings);
  const paper = flags.QT_PAPER_TRADING;
  const scope: Scope = paper.state === 'value' && !paper.value ? 'live' : 'paper';
  // Paper trading risks no money: its limits are those of PAPER, whatever level live trading has reached.
  const [gate, level] = await Promise.all([
    reading(() => risk.readGate(scope)),
    scope === 'paper' ? ('PAPER' as const) : readLevel(risk),
  ]);
  const { mode, reasons } = effectiveMode({
    flags,
    latch: part(gate, ({ latch }) => latch),
    lease: part(gate, ({ leaseUntilMs }) => leaseUntilMs),
    level: approved(level),
    nowMs: clock.nowMs(),
  });
  return {
    mode,
    reasons,
    scope,
    flags,
    flagsReadAtMs,
    gate: gate.state === 'value' ? gate.value : undefined,
    level,
  };
}

/** A level above PAPER is entered by its sign-offs alone, so the active one has them all. */
const approved = (level: Level | undefined): ModeEvidence['level'] =>
  level === undefined
    ? { state: 'unreadable', message: 'the rollout record cannot be read' }
    : { state: 'value', value: { level, approved: true } };

async function reading<T>(read: () => Promise<T | undefined>): Promise<Reading<T>> {
  try {
    const value = await read();
    return value === undefined ? { state: 'missing' } : { state: 'value', value };
  } catch (error) {
    return { state: 'unreadable', message: messageOf(error) };
  }
}

const part = <T, U>(from: Reading<T>, of: (value: T) => U): Reading<U> =>
  from.state === 'value' ? { state: 'value', value: of(from.value) } : from;
