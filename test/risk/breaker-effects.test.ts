// What the circuit breaker does about its decisions, and in which order: lease, flags, records and people; what fails of it is
// reported, and keeps nothing else from being done.
import { beforeEach, describe, expect, it } from 'vitest';
import { createMemoryFlagStore } from '../../lib/adapters/memory/memory-flag-store.ts';
import { createMemoryRiskStore } from '../../lib/adapters/memory/memory-risk-store.ts';
import { createMemorySignalStore } from '../../lib/adapters/memory/memory-signal-store.ts';
import { systemActor, unproven } from '../../lib/core/actor.ts';
import { StoreError } from '../../lib/core/store-error.ts';
import { MINUTE_MS } from '../../lib/core/units.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { BREAKER_LIMITS } from '../../lib/risk/breaker/limits.ts';
import { firstArmed } from '../../lib/risk/breaker/state.ts';
import { newGate } from '../../lib/risk/gate.ts';
import type { FlagStore, RiskStore } from '../../lib/risk/ports.ts';
import {
  approveBreakerReset,
  type BreakerDependencies,
  requestBreakerReset,
  tickBreaker,
  tripBreaker,
  watchedScopes,
  writeFlags,
} from '../../lib/risk/use-cases/circuit-breaker.ts';
import { riskRecords } from '../../lib/risk/use-cases/risk-records.ts';
import { allRecords } from '../../lib/risk/use-cases/typed-records.ts';
import { CARRYING_FLAG } from '../../lib/risk/use-cases/unlatched-trip.ts';
import { runOf } from '../support/inference/sample-signals.ts';
import { beHealthy, START_MS } from '../support/trading/healthy-scope.ts';

const scope = 'paper';
const LEASE_MS = 150_000;
const ada = unproven('ada');
const unavailable = () => Promise.reject(new StoreError('no answer', { retryable: true }));

let risk: RiskStore;
let flags: FlagStore;
let nowMs: number;
let told: string[];
let stage: BreakerDependencies;
beforeEach(() => {
  risk = createMemoryRiskStore();
  flags = createMemoryFlagStore();
  nowMs = START_MS;
  told = [];
  stage = {
    ...{
      risk,
      flags,
      signals: createMemorySignalStore(),
      codeVersion: 'v7',
      shards: 1,
      limits: BREAKER_LIMITS,
    },
    clock: { nowMs: () => nowMs },
    notifier: { notify: async ({ subject, text }) => void told.push(`${subject} | ${text}`) },
  };
});

const healthy = () => beHealthy(stage, { scope, nowMs });
const tick = (over: Partial<BreakerDependencies> = {}) => tickBreaker({ ...stage, ...over }, scope);
const trip = (over: Partial<BreakerDependencies> = {}) =>
  tripBreaker({ ...stage, ...over }, { scope, operator: ada, reason: 'drill' });
const gate = async () => (await risk.readGate(scope))!;
const flag = async (name: string) => (await flags.read([name])).get(name);
const text = (of: string) => ({ kind: 'text', text: of });
const auditIds = async () => allRecords(await riskRecords(risk).audit.all(scope)).map(({ id }) => id);
/** Takes no record of the audit. */
const unaudited = (): RiskStore => ({
  ...risk,
  put: async (...given) => (given[1].startsWith('audit#') ? unavailable() : risk.put(...given)),
});
const uncommitted = (): RiskStore => ({ ...risk, commit: unavailable });
async function started() {
  await healthy();
  await tick();
  nowMs += MINUTE_MS;
  await healthy();
}

describe('the scopes that are watched', () => {
  const watched = (
    paper: FlagStore['read'] | 'true' | 'false',
    readGate: RiskStore['readGate'] = risk.readGate,
  ) =>
    watchedScopes({
      risk: { ...risk, readGate },
      flags:
        typeof paper === 'string'
          ? createMemoryFlagStore({ QT_PAPER_TRADING: paper })
          : { ...flags, read: paper },
    });

  it('are both while live trading is chosen, and once its gate is there or may be', async () => {
    expect(await watched('true')).toEqual(['paper']);
    expect(await watched('false')).toEqual(['paper', 'live']);
    expect(await watched('true', unavailable)).toEqual(['paper', 'live']);
    await risk.createGate('live', newGate(firstArmed(nowMs)));
    expect(await watched('true')).toEqual(['paper', 'live']);
  });

  it('are paper alone where the flag says nothing', async () => {
    expect(await watched(async () => new Map())).toEqual(['paper']);
    const unreadable = { kind: 'unreadable', message: 'down' } as const;
    expect(await watched(async () => new Map([['QT_PAPER_TRADING', unreadable]]))).toEqual(['paper']);
  });
});

describe('a scope that is not started', () => {
  it('has no gate, and says what it waits for', async () => {
    const outcome = await tick();
    expect(outcome).toEqual({
      ...{ scope, transition: undefined, missedBars: undefined, latched: false, failures: [] },
      notStarted: ['no signals of infer yet', 'no completed run of manage-positions yet'],
    });
    expect(await risk.readGate(scope)).toBeUndefined();
    expect(await flag('QT_ENABLE_AI_TRADING')).toEqual(text('true'));
  });

  it('waits for whichever it has not seen, or cannot read', async () => {
    await stage.signals.putRun(runOf(Math.floor(nowMs / BAR_MS) * BAR_MS - BAR_MS));
    expect((await tick()).notStarted).toEqual(['no completed run of manage-positions yet']);
    const get: RiskStore['get'] = (...given) =>
      given[1] === 'position-manager' ? unavailable() : risk.get(...given);
    expect((await tick({ risk: { ...risk, get } })).notStarted).toEqual([
      'completed run of manage-positions: no answer',
    ]);
    expect(await risk.readGate(scope)).toBeUndefined();
  });

  it('is armed by the first healthy tick, which is on record and leaves its lease and the flags open', async () => {
    await healthy();
    expect(await tick()).toMatchObject({ latched: true, failures: [], notStarted: [], missedBars: [] });
    expect(await gate()).toMatchObject({
      ...{ latch: 'ARMED', epoch: 1, leaseUntilMs: nowMs + LEASE_MS, leaseCodeVersion: 'v7' },
    });
    expect(allRecords(await riskRecords(risk).audit.all(scope))).toMatchObject([
      {
        id: 'breaker#1#armed',
        value: {
          ...{ atMs: nowMs, what: 'armed', by: systemActor('circuit-breaker') },
          message: 'the first arming of this scope',
        },
      },
    ]);
    expect(await flag('QT_ENABLE_AI_TRADING')).toEqual(text('true'));
    expect(await flag(CARRYING_FLAG)).toEqual(text('false'));
    expect(told).toEqual([]);
  });

  it('that an operator trips was never armed, nor by its reset', async () => {
    await healthy();
    expect(await trip()).toMatchObject({ latched: true, failures: [], notStarted: [] });
    expect(await auditIds()).toEqual(['breaker#2#tripped']);
    nowMs += BREAKER_LIMITS.cooldownMs;
    await healthy();
    await requestBreakerReset(stage, { scope, operator: ada, reason: 'over' });
    await approveBreakerReset(stage, { scope, operator: unproven('grace') });
    expect(await gate()).toMatchObject({ latch: 'ARMED', epoch: 3 });
    expect(await auditIds()).not.toContain('breaker#1#armed');
  });

  it('but was before, as its records show, is made tripped at once, whatever else there is', async () => {
    const record = { atMs: 1, what: 'armed', by: ada, message: '' };
    await riskRecords(risk).audit.add(scope, 'breaker#1#armed', record);
    const { transition } = await tick();
    expect(transition?.current).toMatchObject({ latch: 'TRIPPED', epoch: nowMs });
    expect(await flag(CARRYING_FLAG)).toEqual(text('true'));
  });

  it('is told from one whose gate is there without a record of it', async () => {
    await risk.createGate(scope, newGate(firstArmed(nowMs)));
    expect((await tick()).transition?.current).toMatchObject({ latch: 'ARMED', epoch: 1 });
  });

  it('whose gate is gone as soon as it is made is reported', async () => {
    await healthy();
    const outcome = await tick({ risk: { ...risk, readGate: async () => undefined } });
    expect(outcome).toMatchObject({
      ...{ transition: undefined, latched: false },
      failures: ['the paper gate was deleted while it was made'],
    });
  });
});

describe('a tick', () => {
  it('tells which bars were missed, and that it does not know where they cannot be read', async () => {
    await started();
    await stage.signals.putRun(runOf(Math.floor(nowMs / BAR_MS) * BAR_MS - 4 * BAR_MS));
    const { missedBars, notStarted } = await tick();
    expect(missedBars).toHaveLength(2);
    expect(notStarted).toEqual([]);
    const signals = { ...stage.signals, lastRuns: unavailable };
    expect((await tick({ signals })).missedBars).toBeUndefined();
  });

  it('works though the flag that carries trips says nothing', async () => {
    await started();
    for (const read of [
      async () => new Map(),
      async () => new Map([[CARRYING_FLAG, { kind: 'missing' as const }]]),
    ])
      expect(await tick({ flags: { ...flags, read } })).toMatchObject({ latched: true, failures: [] });
  });

  it('closes flags again that were opened, also while people are being told of the trip', async () => {
    await started();
    await trip();
    await flags.write('QT_ENABLE_AI_TRADING', 'true');
    nowMs += 1_000;
    await tick();
    expect(await flag('QT_ENABLE_AI_TRADING')).toEqual(text('false'));
    expect(told).toHaveLength(1);
  });

  it('tells people itself from 55 s after a trip of which they were not told', async () => {
    await started();
    await trip({ notifier: { notify: unavailable } });
    nowMs += 54_999;
    await tick();
    expect(told).toEqual([]);
    nowMs += 1;
    await tick();
    expect(told).toEqual([
      'Quantum Trader (paper): Circuit breaker tripped | Circuit breaker tripped. operator: ada (not proven): drill',
    ]);
  });

  it('decides five times on a gate that moves, and no more', async () => {
    await started();
    let commits = 0;
    const commit: RiskStore['commit'] = async (...given) => {
      commits++;
      await tick();
      return risk.commit(...given);
    };
    expect((await tick({ risk: { ...risk, commit } })).latched).toBe(false);
    expect(commits).toBe(5);
  });
});

describe('a trip', () => {
  it('takes no lease away, and grants none', async () => {
    await started();
    const { leaseUntilMs } = await gate();
    await trip({ codeVersion: 'v8' });
    expect(await gate()).toMatchObject({ latch: 'TRIPPED', leaseUntilMs, leaseCodeVersion: 'v7' });
  });

  it('is latched and closes the flags though it cannot be put on record', async () => {
    await started();
    expect(await trip({ risk: unaudited() })).toMatchObject({ failures: ['no answer'] });
    expect(await gate()).toMatchObject({ latch: 'TRIPPED' });
    expect(await flag(CARRYING_FLAG)).toEqual(text('true'));
    expect(told).toHaveLength(1);
  });

  it('is latched later though nothing but this process knows of it', async () => {
    await started();
    const unlatched = new Map();
    const deaf = { ...flags, write: unavailable };
    const { failures } = await trip({ risk: uncommitted(), flags: deaf, unlatched });
    expect(failures).toContain('no answer');
    expect([...unlatched]).toEqual([
      [scope, { epoch: 1, causes: [expect.objectContaining({ code: 'operator' })] }],
    ]);
    await tick({ unlatched });
    expect(await gate()).toMatchObject({ latch: 'TRIPPED', breaker: { causes: [{ code: 'operator' }] } });
    expect(unlatched.size).toBe(0);
  });

  it('that is latched is carried no further, though a later write fails', async () => {
    await started();
    await trip();
    const unlatched = new Map();
    expect(await tick({ risk: uncommitted(), unlatched })).toMatchObject({ latched: false });
    expect(unlatched.size).toBe(0);
    expect(await flag(CARRYING_FLAG)).toEqual(text('true'));
  });
});

it('a tick without a cause that cannot be written owes no trip', async () => {
  await started();
  const unlatched = new Map();
  expect(await tick({ risk: uncommitted(), unlatched })).toMatchObject({
    latched: false,
    failures: ['no answer'],
  });
  expect(unlatched.size).toBe(0);
  expect(await flag(CARRYING_FLAG)).toEqual(text('false'));
});

it('a reset is asked for though that cannot be put on record', async () => {
  await started();
  await trip();
  const request = { scope, operator: ada, reason: 'over' } as const;
  expect(await requestBreakerReset({ ...stage, risk: unaudited() }, request)).toMatchObject({
    ...{ latched: true, failures: ['no answer'] },
  });
  expect((await gate()).breaker).toMatchObject({ resetRequest: { operator: ada } });
});

describe('flags that are written', () => {
  const writesOf = async (over: Partial<FlagStore>, texts: Parameters<typeof writeFlags>[1]) => {
    const written: string[] = [];
    const write = async (name: string, of: string) => {
      written.push(`${name}=${of}`);
      await over.write?.(name, of);
    };
    const failures = await writeFlags({ ...flags, ...over, write }, texts);
    return { written, failures };
  };

  it('are those that say something else, or of which it is not known what they say', async () => {
    expect(await writesOf({}, { EMERGENCY_MODE: 'false', [CARRYING_FLAG]: 'true' })).toEqual({
      ...{ written: [`${CARRYING_FLAG}=true`], failures: [] },
    });
    const readings = [
      new Map(),
      new Map([['EMERGENCY_MODE', { kind: 'unreadable' as const, message: 'false' }]]),
    ];
    for (const reading of readings)
      expect(await writesOf({ read: async () => reading }, { EMERGENCY_MODE: (of) => `${of}` })).toEqual({
        ...{ written: ['EMERGENCY_MODE=undefined'], failures: [] },
      });
  });

  it('may follow what they say', async () => {
    const texts = { EMERGENCY_MODE: (of?: string) => `${of}!`, [CARRYING_FLAG]: (of?: string) => `${of}` };
    expect(await writesOf({}, texts)).toEqual({ written: ['EMERGENCY_MODE=false!'], failures: [] });
  });

  it.each([
    [new Error('denied'), 'denied'],
    ['denied', 'denied'],
    [undefined, 'undefined'],
  ])('and are not are reported, a line each: %s', async (reason, line) => {
    const write = () => Promise.reject(reason);
    const { failures } = await writesOf({ write }, { EMERGENCY_MODE: 'true', QT_ENABLE_AI_TRADING: 'true' });
    expect(failures).toEqual([line]);
  });
});
