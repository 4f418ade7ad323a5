// The effective mode as it is read: whose gate and level it is judged by, what cannot be read, and how old shared flags may be.
import { beforeEach, describe, expect, it } from 'vitest';
import { createMemoryFlagStore } from '../../lib/adapters/memory/memory-flag-store.ts';
import { createMemoryRiskStore } from '../../lib/adapters/memory/memory-risk-store.ts';
import { StoreError } from '../../lib/core/store-error.ts';
import { firstArmed } from '../../lib/risk/breaker/state.ts';
import { FLAG_NAMES, type FlagName } from '../../lib/risk/flags.ts';
import { newGate, type Scope } from '../../lib/risk/gate.ts';
import { initialRollout, type Level } from '../../lib/risk/level.ts';
import type { FlagStore, RiskStore } from '../../lib/risk/ports.ts';
import { readLevel, readRecord } from '../../lib/risk/use-cases/read-level.ts';
import { type ModeSources, readMode } from '../../lib/risk/use-cases/read-mode.ts';
import { readFlags, recentFlags } from '../../lib/risk/use-cases/recent-flags.ts';
import { riskRecords } from '../../lib/risk/use-cases/risk-records.ts';

const NOW_MS = 1_722_816_000_000;
const unavailable = () => Promise.reject(new StoreError('no\nanswer', { retryable: true }));
const LIVE = { QT_PAPER_TRADING: 'false', QT_ENABLE_EXECUTION: 'true' } as const;

let risk: RiskStore;
let nowMs: number;
const clock = { nowMs: () => nowMs };
beforeEach(() => {
  risk = createMemoryRiskStore();
  nowMs = NOW_MS;
});

const sources = (texts: Partial<Record<FlagName, string>> = {}, over: Partial<ModeSources> = {}) => ({
  ...{ risk, clock, flags: createMemoryFlagStore(texts), ...over },
});
/** An armed gate with a lease. */
async function openGate(scope: Scope) {
  await risk.createGate(scope, { ...newGate(firstArmed(NOW_MS)), leaseUntilMs: NOW_MS + 1 });
  return (await risk.readGate(scope))!;
}
const reach = (level: Level) =>
  riskRecords(risk).rollout.put('live', { ...initialRollout(NOW_MS), level }, { ifAbsent: true });
const codesOf = async (from: ModeSources) => (await readMode(from)).reasons.map(({ code }) => code);

describe('the mode', () => {
  it('of paper trading is that of its own gate, by the limits of PAPER whatever live trading has reached', async () => {
    await reach('FULL');
    const gate = await openGate('paper');
    expect(await readMode(sources())).toMatchObject({
      ...{ mode: 'PAPER', scope: 'paper', level: 'PAPER', gate, flagsReadAtMs: NOW_MS },
      flags: { QT_PAPER_TRADING: { state: 'value', value: true } },
    });
  });

  it('of live trading is that of its own gate, by the level reached', async () => {
    await reach('HOUR_6_24');
    const gate = await openGate('live');
    expect(await readMode(sources(LIVE))).toEqual({
      ...{ mode: 'LIVE', reasons: [], scope: 'live', level: 'HOUR_6_24', gate, flagsReadAtMs: NOW_MS },
      flags: expect.objectContaining({ QT_PAPER_TRADING: { state: 'value', value: false } }),
    });
  });

  it('is paper trading’s where it cannot be read which of the two trades', async () => {
    const flags: FlagStore = { ...createMemoryFlagStore(LIVE), read: async () => new Map() };
    expect(await readMode(sources({}, { flags }))).toMatchObject({ mode: 'OFF', scope: 'paper' });
  });

  it('is OFF without a gate, and says whether it is missing or cannot be read', async () => {
    const absent = await readMode(sources());
    expect(absent).toMatchObject({ mode: 'OFF', gate: undefined });
    const blind = await readMode(sources({}, { risk: { ...risk, readGate: unavailable } }));
    expect(blind).toMatchObject({ mode: 'OFF', gate: undefined });
    const lines = blind.reasons.map(({ message }) => message);
    expect(lines.filter((line) => line.includes('no answer'))).not.toEqual([]);
    expect(absent.reasons.map(({ code }) => code)).toContain('lease_missing');
  });

  it('is OFF once the latch is closed, and once the lease is over', async () => {
    await openGate('paper');
    expect(await codesOf(sources())).not.toContain('latch_tripped');
    await risk.closeLatch('paper');
    expect(await codesOf(sources())).toContain('latch_tripped');
    expect(await codesOf(sources())).not.toContain('lease_expired');
    nowMs += 1;
    expect(await readMode(sources())).toMatchObject({ mode: 'OFF' });
    expect(await codesOf(sources())).toContain('lease_expired');
  });

  it('is not LIVE while the level cannot be read, whose limits are then nobody’s', async () => {
    await openGate('live');
    const from = sources(LIVE, { risk: { ...risk, get: unavailable } });
    const now = await readMode(from);
    expect(now.mode).not.toBe('LIVE');
    expect(now.level).toBeUndefined();
    expect(now.reasons.map(({ message }) => message).join()).toContain('rollout record cannot be read');
  });

  it('is judged by the flags it is given, as old as they are', async () => {
    await openGate('paper');
    const given = await readFlags(createMemoryFlagStore({ EMERGENCY_MODE: 'true' }), {
      nowMs: () => NOW_MS - 400,
    });
    expect(await readMode(sources(), async () => given)).toMatchObject({
      ...{ mode: 'OFF', flagsReadAtMs: NOW_MS - 400 },
      flags: { EMERGENCY_MODE: { state: 'value', value: true } },
    });
  });
});

describe('the level', () => {
  it('is PAPER before the rollout ever began, then the one on record', async () => {
    expect(await readRecord(risk)).toEqual({ kind: 'missing' });
    expect(await readLevel(risk)).toBe('PAPER');
    await reach('HOUR_1_6');
    expect(await readLevel(risk)).toBe('HOUR_1_6');
    const state = { ...initialRollout(NOW_MS), level: 'HOUR_1_6' };
    expect(await readRecord(risk)).toEqual({ kind: 'value', state, revision: 1 });
  });

  it('is not known where the record is malformed or cannot be read', async () => {
    await risk.put('live', 'rollout', { level: 'MOON' }, { ifAbsent: true });
    expect(await readRecord(risk)).toEqual({ kind: 'malformed', revision: 1 });
    expect(await readLevel(risk)).toBeUndefined();
    expect(await readLevel({ ...risk, get: unavailable })).toBeUndefined();
  });
});

describe('flags that are shared', () => {
  let reads: (readonly string[])[];
  let isDown: boolean;
  const shared = () => {
    const store = createMemoryFlagStore();
    reads = [];
    isDown = false;
    return recentFlags(
      {
        ...store,
        async read(names) {
          reads.push(names);
          // It takes a moment: a reading is as old as its question.
          nowMs += 7;
          const readings = new Map(await store.read(names));
          if (isDown) readings.set('EMERGENCY_MODE', { kind: 'unreadable', message: 'down' });
          return readings;
        },
      },
      clock,
    );
  };

  it('are read once within half a second of the question, and bear its time', async () => {
    const flags = shared();
    const first = await flags('recent');
    expect(first).toMatchObject({ readAtMs: NOW_MS });
    expect(reads).toEqual([FLAG_NAMES]);
    for (const ageMs of [7, 500]) {
      nowMs = NOW_MS + ageMs;
      expect(await flags('recent')).toBe(first);
    }
    nowMs = NOW_MS + 501;
    expect(await flags('recent')).toMatchObject({ readAtMs: NOW_MS + 501 });
    expect(reads).toHaveLength(2);
  });

  it('are good at the very moment, and not before it: the clock was set back', async () => {
    const flags = shared();
    const first = await flags('recent');
    nowMs = NOW_MS;
    expect(await flags('recent')).toBe(first);
    nowMs = NOW_MS - 1;
    expect(await flags('recent')).not.toBe(first);
  });

  it('are read anew for who asks for those of now, and shared by who comes after', async () => {
    const flags = shared();
    const first = await flags('recent');
    const second = await flags('now');
    expect(second).not.toBe(first);
    expect(await flags('recent')).toBe(second);
  });

  it('are not shared where one of them could not be read', async () => {
    const flags = shared();
    isDown = true;
    const first = await flags('recent');
    expect(first.readings.get('EMERGENCY_MODE')).toMatchObject({ kind: 'unreadable' });
    isDown = false;
    expect((await flags('recent')).readings.get('EMERGENCY_MODE')).toMatchObject({ kind: 'text' });
  });
});
