// Each fact that keeps the mode below LIVE is named by a reason of its own, alone: the operator mends that, and nothing else.
import { describe, expect, it } from 'vitest';
import {
  effectiveMode,
  MODE_REASONS,
  type ModeEvidence,
  type ModeReasonCode,
} from '../../lib/risk/effective-mode.ts';
import { type FlagName, type FlagReading, parseFlags } from '../../lib/risk/flags.ts';
import { LEASE_MS } from '../../lib/risk/latch.ts';

const NOW_MS = 1_722_816_000_000;
const FLAGS: Readonly<Record<FlagName, string>> = {
  QT_ENABLE_EXECUTION: 'true',
  QT_ENABLE_AI_TRADING: 'true',
  QT_PAPER_TRADING: 'false',
  EMERGENCY_MODE: 'false',
  CIRCUIT_BREAKER_TRIGGERED: 'false',
  QT_MAX_CAPITAL_ALLOCATION: '0.25',
  QT_MAX_POSITIONS: '5',
};

type Over = Partial<Omit<ModeEvidence, 'flags'>> & {
  flags?: Partial<Record<FlagName, FlagReading | string>>;
};

function modeOf({ flags = {}, ...over }: Over) {
  const readings = Object.entries({ ...FLAGS, ...flags }).map(
    ([name, text]) => [name, typeof text === 'string' ? { kind: 'text' as const, text } : text] as const,
  );
  return effectiveMode({
    flags: parseFlags(new Map(readings)),
    latch: { state: 'value', value: 'ARMED' },
    lease: { state: 'value', value: NOW_MS + LEASE_MS },
    level: { state: 'value', value: { level: 'FULL', approved: true } },
    nowMs: NOW_MS,
    ...over,
  });
}

const missing = { state: 'missing' } as const;
const unreadable = { state: 'unreadable', message: 'timeout' } as const;
const until = (value: number) => ({ state: 'value', value }) as const;
const level = (name: 'PAPER' | 'HOUR_1_6', approved: boolean) =>
  ({ state: 'value', value: { level: name, approved } }) as const;

describe('the mode', () => {
  it('is LIVE, without a reason, where nothing stands against it', () => {
    expect(modeOf({})).toEqual({ mode: 'LIVE', reasons: [] });
    expect(modeOf({ lease: until(NOW_MS + LEASE_MS + 5_000) }).mode).toBe('LIVE');
  });

  it.each<[ModeReasonCode, Over]>([
    ['ai_trading_off', { flags: { QT_ENABLE_AI_TRADING: 'false' } }],
    ['emergency', { flags: { EMERGENCY_MODE: 'true' } }],
    ['breaker_flag', { flags: { CIRCUIT_BREAKER_TRIGGERED: 'true' } }],
    ['execution_off', { flags: { QT_ENABLE_EXECUTION: 'false' } }],
    ['latch_tripped', { latch: { state: 'value', value: 'TRIPPED' } }],
    ['latch_missing', { latch: missing }],
    ['lease_missing', { lease: missing }],
    ['lease_expired', { lease: until(NOW_MS) }],
    ['lease_expired', { lease: until(Number.NaN) }],
    ['lease_implausible', { lease: until(NOW_MS + LEASE_MS + 5_001) }],
    ['level_missing', { level: missing }],
    ['level_paper_only', { level: level('PAPER', true) }],
    ['level_not_approved', { level: level('HOUR_1_6', false) }],
  ])('is OFF for %s alone', (code, over) => {
    expect(modeOf(over)).toEqual({ mode: 'OFF', reasons: [{ code, message: MODE_REASONS[code] }] });
  });

  it.each<[ModeReasonCode, Over]>([
    ['latch_unreadable', { latch: unreadable }],
    ['lease_unreadable', { lease: unreadable }],
    ['level_unreadable', { level: unreadable }],
  ])('is OFF for %s, which says why it could not be read', (code, over) => {
    expect(modeOf(over)).toEqual({ mode: 'OFF', reasons: [{ code, message: 'timeout' }] });
  });

  it.each(Object.keys(FLAGS) as FlagName[])('is OFF without %s, which is named once', (name) => {
    for (const reading of [
      { kind: 'missing' },
      { kind: 'unreadable', message: 'throttled' },
      'perhaps',
    ] as const) {
      const { mode, reasons } = modeOf({ flags: { [name]: reading } });
      expect(mode).toBe('OFF');
      expect(reasons).toHaveLength(1);
      expect(reasons[0]!.code).toMatch(/^flag_(missing|unreadable|malformed)$/);
      expect(reasons[0]!.message).toContain(name);
    }
  });

  it('on paper asks neither for a level with money nor for execution, and says that it is paper', () => {
    const flags = { QT_PAPER_TRADING: 'true', QT_ENABLE_EXECUTION: 'false' };
    for (const each of [level('PAPER', true), level('HOUR_1_6', false)])
      expect(modeOf({ flags, level: each })).toEqual({
        mode: 'PAPER',
        reasons: [{ code: 'paper_trading', message: MODE_REASONS.paper_trading }],
      });
    expect(modeOf({ flags, level: missing }).mode).toBe('OFF');
  });
});
