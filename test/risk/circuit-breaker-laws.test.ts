// Laws of the breaker at work: whatever sequence of ticks, trips, resets, flag flips, outages and pauses there is, no order is
// authorised while the latch is closed, the lease is over or the flags are not proven open.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMemoryRiskStore } from '../../lib/adapters/memory/memory-risk-store.ts';
import { createMemorySignalStore } from '../../lib/adapters/memory/memory-signal-store.ts';
import { unproven } from '../../lib/core/actor.ts';
import { StoreError } from '../../lib/core/store-error.ts';
import { MINUTE_MS } from '../../lib/core/units.ts';
import { BREAKER_LIMITS } from '../../lib/risk/breaker/limits.ts';
import { CLOSED_FLAGS } from '../../lib/risk/breaker/transition-types.ts';
import { FLAGS, type FlagName, type FlagReading } from '../../lib/risk/flags.ts';
import { authorise } from '../../lib/risk/gate.ts';
import { keyOf, sortable } from '../../lib/risk/record-kind.ts';
import { EQUITY } from '../../lib/risk/records.ts';
import {
  approveBreakerReset,
  type BreakerDependencies,
  requestBreakerReset,
  tickBreaker,
  tripBreaker,
} from '../../lib/risk/use-cases/circuit-breaker.ts';
import { readMode } from '../../lib/risk/use-cases/read-mode.ts';
import { beHealthy, START_MS, writeRecord } from '../support/trading/healthy-scope.ts';

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('authorise' as const) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('minute' as const), healthy: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('minute' as const), healthy: fc.constant(true) }) },
  fc.record({ kind: fc.constant('pause' as const), ms: fc.integer({ min: 1, max: 2_400_000 }) }),
  fc.record({ kind: fc.constant('fall' as const) }),
  fc.record({ kind: fc.constant('trip' as const) }),
  fc.record({ kind: fc.constant('two_ticks' as const) }),
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('open_flags' as const) }) },
  fc.record({
    kind: fc.constant('flag' as const),
    name: fc.constantFrom<FlagName>('QT_ENABLE_AI_TRADING', 'EMERGENCY_MODE', 'QT_MAX_POSITIONS'),
    text: fc.constantFrom('true', 'false', 'True ', '', '5'),
  }),
  fc.record({
    kind: fc.constant('ask' as const),
    by: fc.constantFrom('ada', 'grace'),
  }),
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('approve' as const), by: fc.constantFrom('ada', 'grace') }),
  },
  fc.record({ kind: fc.constant('flags_down' as const), down: fc.boolean() }),
  // All that a reset needs, in a row: else random steps hardly ever reach one.
  fc.record({ kind: fc.constant('recover' as const) }),
);

const CLOSING: readonly (readonly [FlagName, string | undefined])[] = [
  ['EMERGENCY_MODE', 'true'],
  ['CIRCUIT_BREAKER_TRIGGERED', 'true'],
  ['QT_ENABLE_AI_TRADING', 'false'],
  ['QT_PAPER_TRADING', 'false'],
  ['QT_ENABLE_EXECUTION', 'True '],
  ['QT_ENABLE_AI_TRADING', undefined],
  ['QT_MAX_CAPITAL_ALLOCATION', '1.5'],
];

async function follow(steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[]) {
  const risk = createMemoryRiskStore();
  const signals = createMemorySignalStore();
  const texts = new Map<string, string>(Object.entries(FLAGS).map(([name, { local }]) => [name, local]));
  let flagsDown = false;
  let nowMs = START_MS;
  const dependencies: BreakerDependencies = {
    risk,
    signals,
    flags: {
      read: async (names) =>
        new Map(
          names.map((name): [string, FlagReading] => {
            const text = texts.get(name);
            if (flagsDown) return [name, { kind: 'unreadable', message: 'down' }];
            return [name, text === undefined ? { kind: 'missing' } : { kind: 'text', text }];
          }),
        ),
      write: async (name, text) => {
        if (flagsDown) throw new StoreError('down', { retryable: true });
        texts.set(name, text);
      },
    },
    notifier: { notify: async () => {} },
    clock: { nowMs: () => nowMs },
    codeVersion: 'v1',
    shards: 1,
    limits: BREAKER_LIMITS,
  };
  const seen = { approvals: 0, trips: 0, resets: 0 };
  let orders = 0;
  const healthy = () => beHealthy(dependencies, { scope: 'paper', nowMs });
  const openFlags = () => {
    for (const [name, { local }] of Object.entries(FLAGS)) texts.set(name, local);
  };
  const attempt = async () => {
    const now = await readMode(dependencies);
    return authorise(
      {
        ...{ scope: 'paper', clientOrderId: `qt-${orders}`, symbol: `S${orders++}` },
        ...{ side: 'BUY', notionalMicroUsdt: 1, betaMicroUsdt: 1 },
      },
      {
        mode: now.mode,
        flagsReadAtMs: now.flagsReadAtMs,
        epoch: now.gate?.epoch ?? 0,
        codeVersion: 'v1',
        limits: {
          exposureMicroUsdt: 1_000_000,
          sideMicroUsdt: 1_000_000,
          netBetaMicroUsdt: 1_000_000,
          positions: 1_000,
        },
        forget: [],
        nowMs,
      },
      risk.commit,
    );
  };
  const reset = async (by: string) => {
    const before = (await risk.readGate('paper'))?.breaker;
    const { transition } = await approveBreakerReset(dependencies, {
      scope: 'paper',
      operator: unproven(by),
    });
    if (before?.latch !== 'TRIPPED' || transition?.current.latch !== 'ARMED') return;
    seen.resets++;
    expect(before.resetRequest?.operator.name).not.toBe(by);
    expect(nowMs - before.trippedAtMs).toBeGreaterThanOrEqual(BREAKER_LIMITS.cooldownMs);
  };
  for (const event of steps) {
    const before = await risk.readGate('paper');
    if (event.kind === 'pause') nowMs += event.ms;
    if (event.kind === 'minute') {
      nowMs += MINUTE_MS;
      if (event.healthy) await healthy();
      const { transition } = await tickBreaker(dependencies, 'paper');
      if (transition?.current.latch === 'TRIPPED' && !flagsDown)
        for (const [name, text] of Object.entries(CLOSED_FLAGS)) expect(texts.get(name)).toBe(text);
    }
    if (event.kind === 'two_ticks') {
      await healthy();
      await Promise.all([tickBreaker(dependencies, 'paper'), tickBreaker(dependencies, 'paper')]);
    }
    if (event.kind === 'fall') {
      await healthy();
      // Both newer than every mark before: a loss that only one of the newest two marks shows is no proof.
      for (const atMs of [++nowMs, ++nowMs])
        await writeRecord(risk, 'paper', keyOf(EQUITY, sortable(atMs)), {
          atMs,
          equityMicroUsdt: 8_000_000_000,
          walletMicroUsdt: 8_000_000_000,
          exposureMicroUsdt: 0,
          positions: 0,
        });
      await tickBreaker(dependencies, 'paper');
      expect((await risk.readGate('paper'))?.latch).toBe('TRIPPED');
    }
    if (event.kind === 'trip')
      await tripBreaker(dependencies, { scope: 'paper', operator: unproven('ada'), reason: 'a test' });
    if (event.kind === 'open_flags') openFlags();
    if (event.kind === 'flag') texts.set(event.name, event.text);
    if (event.kind === 'flags_down') flagsDown = event.down;
    if (event.kind === 'ask')
      await requestBreakerReset(dependencies, {
        scope: 'paper',
        operator: unproven(event.by),
        reason: 'fine',
      });
    if (event.kind === 'approve') await reset(event.by);
    if (event.kind === 'recover') {
      nowMs += BREAKER_LIMITS.cooldownMs;
      flagsDown = false;
      await healthy();
      await requestBreakerReset(dependencies, { scope: 'paper', operator: unproven('ada'), reason: 'fine' });
      await reset('grace');
      openFlags();
    }
    const after = await risk.readGate('paper');
    if (before !== undefined) expect(after?.epoch).toBeGreaterThanOrEqual(before.epoch);
    if (before?.latch === 'ARMED' && after?.latch === 'TRIPPED') seen.trips++;
    // Only a reset leads out of TRIPPED.
    if (before?.latch === 'TRIPPED' && !['approve', 'recover'].includes(event.kind))
      expect(after?.latch).toBe('TRIPPED');
    if (event.kind !== 'authorise') continue;
    const result = await attempt();
    const open =
      before?.latch === 'ARMED' &&
      before.leaseUntilMs > nowMs &&
      !flagsDown &&
      texts.get('QT_ENABLE_AI_TRADING') === 'true' &&
      texts.get('EMERGENCY_MODE') === 'false' &&
      texts.get('CIRCUIT_BREAKER_TRIGGERED') === 'false' &&
      texts.get('QT_MAX_POSITIONS') !== undefined &&
      /^\d+$/.test(texts.get('QT_MAX_POSITIONS') ?? '');
    expect(result.ok).toBe(open);
    if (!result.ok) continue;
    seen.approvals++;
    // With all else open, each of these alone closes it.
    for (const [name, text] of CLOSING) {
      const { [name]: before } = Object.fromEntries(texts);
      if (text === undefined) texts.delete(name);
      else texts.set(name, text);
      expect((await attempt()).ok, `${name} ${text}`).toBe(false);
      texts.set(name, before!);
    }
  }
  return seen;
}

describe('any sequence of events', () => {
  it('authorises exactly while everything is proven open', async () => {
    const total = { approvals: 0, trips: 0, resets: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
        const seen = await follow(steps);
        for (const key of ['approvals', 'trips', 'resets'] as const) total[key] += seen[key];
      }),
      { numRuns: 150, examples: [[[{ kind: 'recover' }, { kind: 'pause', ms: 1 }, { kind: 'fall' }]]] },
    );
    // The law is empty where nothing ever happens.
    expect(total.approvals).toBeGreaterThan(50);
    expect(total.trips).toBeGreaterThan(50);
    expect(total.resets).toBeGreaterThan(10);
  });
});
