// Laws of the gate: whatever happens in whatever order, nothing is approved while anything is closed, an id at most once, a
// symbol at most once at a time, and exposure and count never exceed their limits.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DAY_MS, MINUTE_MS } from '../../lib/core/units.ts';
import { firstArmed, lostState } from '../../lib/risk/breaker/state.ts';
import {
  type AuthorisationContext,
  approveReduction,
  authorise,
  commitToItem,
  type ExposureOrder,
  type GateDenial,
  type GateItem,
  newGate,
  planAuthorisation,
  planBreakerWrite,
  planRelease,
  prunableIds,
  RiskApproved,
} from '../../lib/risk/gate.ts';
import { LEASE_MS } from '../../lib/risk/latch.ts';

const START_MS = 1_722_816_000_000;

const order = (over: Partial<ExposureOrder> = {}): ExposureOrder => ({
  scope: 'paper',
  clientOrderId: 'qt-1',
  symbol: 'BTCUSDT',
  side: 'BUY',
  notionalMicroUsdt: 100_000_000,
  betaMicroUsdt: 150_000_000,
  ...over,
});
const LIMITS_OF_CONTEXT = {
  exposureMicroUsdt: 1_000_000_000,
  sideMicroUsdt: 950_000_000,
  netBetaMicroUsdt: 800_000_000,
  positions: 5,
};
const context = (over: Partial<AuthorisationContext> = {}): AuthorisationContext => ({
  mode: 'PAPER',
  flagsReadAtMs: START_MS - 200,
  epoch: 1,
  codeVersion: 'v1',
  limits: LIMITS_OF_CONTEXT,
  forget: [],
  nowMs: START_MS,
  ...over,
});
const openGate = (over: Partial<GateItem> = {}): GateItem => ({
  ...newGate(firstArmed(START_MS - MINUTE_MS)),
  leaseUntilMs: START_MS + LEASE_MS,
  leaseCodeVersion: 'v1',
  ...over,
});
/** A gate in memory, whose writes are atomic as DynamoDB's are. */
function memory(initial: GateItem | undefined) {
  const store = { gate: initial, writes: 0 };
  const commit: Parameters<typeof authorise>[2] = async (_scope, plan) => {
    const written = commitToItem(store.gate, plan);
    if (written.ok) {
      store.gate = written.value;
      store.writes++;
    }
    return written;
  };
  return { store, commit };
}

describe('authorise', () => {
  const denialOf = async (
    gate: GateItem | undefined,
    asked: ExposureOrder = order(),
    given: AuthorisationContext = context(),
  ): Promise<GateDenial | 'approved'> => {
    const { store, commit } = memory(gate);
    const result = await authorise(asked, given, commit);
    if (!result.ok) expect(store).toEqual({ gate, writes: 0 });
    return result.ok ? 'approved' : result.error;
  };

  it('approves when every gate is open, and the item then holds the order', async () => {
    const { store, commit } = memory(openGate());
    const result = await authorise(order(), context(), commit);
    expect(result.ok && result.value.order).toEqual(order());
    expect(store.gate).toEqual({
      ...openGate(),
      exposureMicroUsdt: 100_000_000,
      sideMicroUsdt: { BUY: 100_000_000, SELL: 0 },
      netBetaMicroUsdt: 150_000_000,
      positionCount: 1,
      authorised: { 'qt-1': { atMs: START_MS } },
      reserved: {
        BTCUSDT: {
          clientOrderId: 'qt-1',
          side: 'BUY',
          notionalMicroUsdt: 100_000_000,
          betaMicroUsdt: 150_000_000,
        },
      },
    });
  });

  const reserved = {
    ETHUSDT: {
      clientOrderId: 'qt-0',
      side: 'SELL' as const,
      notionalMicroUsdt: 950_000_000,
      betaMicroUsdt: -900_000_000,
    },
  };
  const manyIds = Object.fromEntries(
    Array.from({ length: 2_000 }, (_, i) => [`qt-a${i}`, { atMs: START_MS }]),
  );
  const closed: [GateDenial, Parameters<typeof denialOf>][] = [
    ['gate_missing', [undefined]],
    ['latch_tripped', [openGate({ latch: 'TRIPPED' })]],
    ['epoch_changed', [openGate({ epoch: 2 })]],
    ['lease_not_active', [openGate({ leaseUntilMs: START_MS })]],
    ['lease_not_active', [openGate({ leaseUntilMs: START_MS + 10 * LEASE_MS })]],
    ['lease_not_active', [newGate(firstArmed(START_MS))]],
    ['version_mismatch', [openGate({ leaseCodeVersion: 'v0' })]],
    ['version_mismatch', [openGate({ leaseCodeVersion: undefined })]],
    ['version_mismatch', [openGate(), order(), context({ codeVersion: 'v2' })]],
    ['duplicate', [openGate({ authorised: { 'qt-1': { atMs: START_MS - 1 } } })]],
    ['symbol_reserved', [openGate({ reserved, positionCount: 1 }), order({ symbol: 'ETHUSDT' })]],
    ['exposure_limit', [openGate({ exposureMicroUsdt: 900_000_001 })]],
    ['exposure_limit', [openGate({ exposureMicroUsdt: -1 })]],
    ['exposure_limit', [openGate(), order({ notionalMicroUsdt: 1_000_000_001 })]],
    ['side_limit', [openGate({ sideMicroUsdt: { BUY: 850_000_001, SELL: 0 } })]],
    ['side_limit', [openGate({ sideMicroUsdt: { BUY: -1, SELL: 0 } })]],
    ['side_limit', [openGate(), order({ notionalMicroUsdt: 950_000_001, betaMicroUsdt: 0 })]],
    ['beta_limit', [openGate({ netBetaMicroUsdt: 650_000_001 })]],
    ['beta_limit', [openGate(), order({ betaMicroUsdt: 800_000_001 })]],
    ['beta_limit', [openGate({ netBetaMicroUsdt: -700_000_000 }), order({ betaMicroUsdt: -100_000_001 })]],
    ['request_invalid', [openGate(), order({ betaMicroUsdt: Number.NaN })]],
    ['request_invalid', [openGate(), order({ betaMicroUsdt: 0.5 })]],
    ['request_invalid', [openGate(), order({ side: 'HOLD' as 'BUY' })]],
    [
      'request_invalid',
      [openGate(), order(), context({ limits: { ...LIMITS_OF_CONTEXT, netBetaMicroUsdt: Number.NaN } })],
    ],
    [
      'request_invalid',
      [openGate(), order(), context({ limits: { ...LIMITS_OF_CONTEXT, sideMicroUsdt: Number.NaN } })],
    ],
    ['position_limit', [openGate({ positionCount: 5 })]],
    ['position_limit', [openGate(), order(), context({ limits: { ...LIMITS_OF_CONTEXT, positions: 0 } })]],
    ['ids_full', [openGate({ authorised: manyIds })]],
    ['mode_mismatch', [openGate(), order(), context({ mode: 'OFF' })]],
    ['mode_mismatch', [openGate(), order(), context({ mode: 'LIVE' })]],
    ['mode_mismatch', [openGate(), order({ scope: 'live' })]],
    ['flags_stale', [openGate(), order(), context({ flagsReadAtMs: START_MS - 1_001 })]],
    ['flags_stale', [openGate(), order(), context({ flagsReadAtMs: START_MS + 1 })]],
    ['flags_stale', [openGate(), order(), context({ flagsReadAtMs: Number.NaN })]],
    ['request_invalid', [openGate(), order({ notionalMicroUsdt: Number.NaN })]],
    ['request_invalid', [openGate(), order({ notionalMicroUsdt: 0 })]],
    ['request_invalid', [openGate(), order({ notionalMicroUsdt: -5 })]],
    ['request_invalid', [openGate(), order({ notionalMicroUsdt: 0.5 })]],
    ['request_invalid', [openGate(), order({ clientOrderId: '' })]],
    ['request_invalid', [openGate(), order({ clientOrderId: 'x'.repeat(37) })]],
    ['request_invalid', [openGate(), order({ symbol: '' })]],
    ['request_invalid', [openGate(), order({ symbol: 'S'.repeat(256) })]],
    [
      'request_invalid',
      [openGate(), order(), context({ limits: { ...LIMITS_OF_CONTEXT, exposureMicroUsdt: Number.NaN } })],
    ],
    [
      'request_invalid',
      [openGate(), order(), context({ limits: { ...LIMITS_OF_CONTEXT, positions: Infinity } })],
    ],
    ['request_invalid', [openGate(), order(), context({ nowMs: Number.NaN })]],
  ];
  it.each(closed)('denies with %s, and writes nothing', async (denial, args) => {
    expect(await denialOf(...args)).toBe(denial);
  });
  it('denies when an attribute that it compares is not there', async () => {
    for (const key of [
      'latch',
      'epoch',
      'leaseUntilMs',
      'exposureMicroUsdt',
      'positionCount',
      'authorised',
    ]) {
      const { [key]: _gone, ...gate } = openGate() as unknown as Record<string, unknown>;
      expect(await denialOf(gate as unknown as GateItem)).not.toBe('approved');
    }
  });
  it('fills the limits to the last micro-USDT and the last position', async () => {
    expect(await denialOf(openGate({ exposureMicroUsdt: 900_000_000, positionCount: 4 }))).toBe('approved');
  });

  it('approves nothing when the write throws', async () => {
    const lost = new Error('timeout');
    await expect(authorise(order(), context(), () => Promise.reject(lost))).rejects.toBe(lost);
  });
  it('approves what was asked, though the caller alters it while the write is under way', async () => {
    const asked: { -readonly [K in keyof ExposureOrder]: ExposureOrder[K] } = order();
    const { commit } = memory(openGate());
    const pending = authorise(asked, context(), commit);
    asked.notionalMicroUsdt = 9e12;
    const result = await pending;
    expect(result.ok && result.value.order.notionalMicroUsdt).toBe(100_000_000);
  });
});

describe('RiskApproved', () => {
  it('cannot be forged, copied or altered', async () => {
    const { commit } = memory(openGate());
    const result = await authorise(order(), context(), commit);
    if (!result.ok) throw new Error(result.error);
    const approved = result.value;
    expect(() => RiskApproved.verify(approved)).not.toThrow();
    const forgeries: unknown[] = [
      { ...approved },
      structuredClone(approved),
      Object.create(RiskApproved.prototype),
      Object.create(approved),
      { order: order() },
      null,
      undefined,
    ];
    for (const forged of forgeries) {
      expect(() => RiskApproved.verify(forged as RiskApproved<object>)).toThrow(
        'did not come through the gate',
      );
    }
    expect(() => Object.assign(approved.order, { notionalMicroUsdt: 1 })).toThrow(TypeError);
    expect(() => Object.assign(approved, { order: {} })).toThrow(TypeError);
  });
  it('lets a reduce-only order past a closed gate, and nothing else', () => {
    expect(approveReduction({ reduceOnly: true, symbol: 'BTCUSDT' }).order.symbol).toBe('BTCUSDT');
    expect(() => approveReduction({ reduceOnly: false } as unknown as { reduceOnly: true })).toThrow(
      'reduce-only',
    );
  });
});

describe('release', () => {
  it('gives back once, and only to the order that holds it', () => {
    const held = commitToItem(openGate(), planOrThrow(order()));
    if (!held.ok) throw new Error(held.error);
    expect(commitToItem(held.value, planRelease(order({ clientOrderId: 'qt-2' }))).ok).toBe(false);
    expect(commitToItem(held.value, planRelease(order({ notionalMicroUsdt: 1 }))).ok).toBe(false);
    const released = commitToItem(held.value, planRelease(order()));
    if (!released.ok) throw new Error(released.error);
    expect(released.value).toEqual(openGate({ authorised: { 'qt-1': { atMs: START_MS } } }));
    expect(commitToItem(released.value, planRelease(order()))).toEqual({ ok: false, error: 'not_reserved' });
  });
});

function planOrThrow(asked: ExposureOrder, given = context()) {
  const plan = planAuthorisation(asked, given);
  if (!plan.ok) throw new Error(plan.error);
  return plan.value;
}

describe('pruning', () => {
  it('forgets with the next write only what is older than 24 h, oldest first, at most 50', () => {
    const day = DAY_MS;
    const old = Object.fromEntries(
      Array.from({ length: 60 }, (_, i) => [`qt-o${i}`, { atMs: START_MS - day - i }]),
    );
    const gate = openGate({ authorised: { ...old, 'qt-new': { atMs: START_MS - day + 1 } } });
    const forget = prunableIds(gate, START_MS);
    expect(forget).toHaveLength(50);
    expect(forget[0]).toBe('qt-o59');
    expect(forget).not.toContain('qt-new');
    const next = commitToItem(gate, planOrThrow(order(), context({ forget })));
    expect(next.ok && Object.keys(next.value.authorised)).toHaveLength(61 - 50 + 1);
  });
  it('never lets an id through that it is asked to forget with the same write', () => {
    const gate = openGate({ authorised: { 'qt-1': { atMs: 0 } } });
    const plan = planOrThrow(order(), context({ forget: ['qt-1'] }));
    expect(plan.changes.filter((change) => change.path[1] === 'qt-1')).toHaveLength(1);
    expect(commitToItem(gate, plan)).toEqual({ ok: false, error: 'duplicate' });
  });
});

describe('any sequence of events', () => {
  const LIMITS = { exposureMicroUsdt: 1_000, sideMicroUsdt: 700, netBetaMicroUsdt: 600, positions: 3 };
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('authorise' as const),
        id: fc.integer({ min: 0, max: 12 }),
        symbol: fc.integer({ min: 0, max: 5 }),
        notional: fc.integer({ min: 1, max: 500 }),
        side: fc.constantFrom('BUY' as const, 'SELL' as const),
        betaMicroUsdt: fc.integer({ min: -600, max: 600 }),
        mode: fc.constantFrom(
          'PAPER' as const,
          'PAPER' as const,
          'PAPER' as const,
          'LIVE' as const,
          'OFF' as const,
        ),
        staleEpoch: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
        flagsAgeMs: fc.constantFrom(0, 900, 1_000, 1_001, -1),
        codeVersion: fc.constantFrom('v1', 'v1', 'v1', 'v2'),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('release' as const), symbol: fc.integer({ min: 0, max: 5 }) }),
    },
    fc.record({ kind: fc.constant('trip' as const) }),
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('reset' as const) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('renew' as const),
        codeVersion: fc.constantFrom('v1', 'v1', 'v1', 'v2'),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 200_000 }) }),
    },
  );

  it('keeps every law', async () => {
    let approvals = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        const { store, commit } = memory(newGate(firstArmed(START_MS)));
        const seen = new Set<string>();
        let nowMs = START_MS;
        for (const event of steps) {
          const gate = store.gate!;
          if (event.kind === 'wait') nowMs += event.ms;
          if (event.kind === 'renew')
            store.gate = { ...gate, leaseUntilMs: nowMs + LEASE_MS, leaseCodeVersion: event.codeVersion };
          if (event.kind === 'trip' || event.kind === 'reset') {
            const current =
              event.kind === 'trip'
                ? { ...lostState(nowMs), epoch: gate.epoch + 1, revision: gate.breaker.revision + 1 }
                : { ...firstArmed(nowMs), epoch: gate.epoch + 1, revision: gate.breaker.revision + 1 };
            const plan = planBreakerWrite({ previous: gate.breaker, current, lease: undefined });
            const written = commitToItem(gate, plan);
            if (!written.ok) throw new Error(written.error);
            store.gate = written.value;
            expect(commitToItem(store.gate, plan)).toEqual({ ok: false, error: 'breaker_moved' });
          }
          if (event.kind === 'release') {
            const held = gate.reserved[`S${event.symbol}`];
            const plan = planRelease({
              symbol: `S${event.symbol}`,
              clientOrderId: held?.clientOrderId ?? 'none',
              side: held?.side ?? 'BUY',
              notionalMicroUsdt: held?.notionalMicroUsdt ?? 1,
              betaMicroUsdt: held?.betaMicroUsdt ?? 1,
            });
            const written = commitToItem(gate, plan);
            expect(written.ok).toBe(held !== undefined);
            if (written.ok) store.gate = written.value;
          }
          if (event.kind === 'authorise') {
            const clientOrderId = `id-${event.id}`;
            const result = await authorise(
              order({
                clientOrderId,
                symbol: `S${event.symbol}`,
                side: event.side,
                notionalMicroUsdt: event.notional,
                betaMicroUsdt: event.betaMicroUsdt,
              }),
              {
                mode: event.mode,
                flagsReadAtMs: nowMs - event.flagsAgeMs,
                epoch: gate.epoch - (event.staleEpoch ? 1 : 0),
                codeVersion: event.codeVersion,
                limits: LIMITS,
                forget: prunableIds(gate, nowMs),
                nowMs,
              },
              commit,
            );
            if (result.ok) {
              approvals++;
              expect(gate.latch).toBe('ARMED');
              expect(event.mode).toBe('PAPER');
              expect(event.staleEpoch).toBe(false);
              expect([0, 900, 1_000]).toContain(event.flagsAgeMs);
              expect(gate.leaseUntilMs).toBeGreaterThan(nowMs);
              expect(seen.has(clientOrderId)).toBe(false);
              expect(gate.reserved[`S${event.symbol}`]).toBeUndefined();
              seen.add(clientOrderId);
              // A release may leave the book lopsided; an approval may not make it more so.
              const { netBetaMicroUsdt } = LIMITS;
              const mostMicroUsdt = Math.max(netBetaMicroUsdt, Math.abs(gate.netBetaMicroUsdt));
              expect(Math.abs(store.gate!.netBetaMicroUsdt)).toBeLessThanOrEqual(mostMicroUsdt);
            }
          }
          const held = Object.values(store.gate!.reserved);
          expect(store.gate!.exposureMicroUsdt).toBe(
            held.reduce((sum, entry) => sum + entry.notionalMicroUsdt, 0),
          );
          for (const side of ['BUY', 'SELL'] as const) {
            const own = held.filter((entry) => entry.side === side);
            const sum = own.reduce((total, entry) => total + entry.notionalMicroUsdt, 0);
            expect(store.gate!.sideMicroUsdt[side]).toBe(sum);
            expect(sum).toBeLessThanOrEqual(LIMITS.sideMicroUsdt);
          }
          expect(store.gate!.netBetaMicroUsdt).toBe(
            held.reduce((sum, entry) => sum + entry.betaMicroUsdt, 0),
          );
          expect(store.gate!.positionCount).toBe(held.length);
          expect(store.gate!.exposureMicroUsdt).toBeLessThanOrEqual(LIMITS.exposureMicroUsdt);
          expect(held.length).toBeLessThanOrEqual(LIMITS.positions);
        }
      }),
      { numRuns: 300 },
    );
    // The law is empty where nothing is ever approved.
    expect(approvals).toBeGreaterThan(50);
  });

  it('approves one of many concurrent requests for the same decision', async () => {
    const { store, commit } = memory(openGate());
    const results = await Promise.all(
      Array.from({ length: 20 }, () => authorise(order(), context(), commit)),
    );
    expect(results.filter((result) => result.ok)).toHaveLength(1);
    expect(results.filter((result) => !result.ok).map((result) => !result.ok && result.error)).toEqual(
      Array.from({ length: 19 }, () => 'duplicate'),
    );
    expect(store.writes).toBe(1);
  });
});
