// The rollout at work on its records: who may move it, what is proven first, and what others do to it meanwhile.
import { describe, expect, it } from 'vitest';
import { unproven } from '../../lib/core/actor.ts';
import { failure, success } from '../../lib/core/result.ts';
import { StoreError } from '../../lib/core/store-error.ts';
import { HOUR_MS, MINUTE_MS } from '../../lib/core/units.ts';
import { initialRollout, type RolloutState } from '../../lib/risk/level.ts';
import type { RiskStore } from '../../lib/risk/ports.ts';
import { keyOf } from '../../lib/risk/record-kind.ts';
import { ROLLOUT } from '../../lib/risk/records.ts';
import { allValues } from '../../lib/risk/use-cases/typed-records.ts';
import { GO_NO_GO, type GoNoGoRecord } from '../../lib/rollout/records.ts';
import { reportGoNoGo } from '../../lib/rollout/use-cases/assess-rollout.ts';
import {
  advanceRollout,
  findAdvanceDenials,
  keepDecision,
  readDecision,
  readRollout,
  signOffRollout,
  stepDownRollout,
} from '../../lib/rollout/use-cases/move-rollout.ts';
import { rolloutRecords } from '../../lib/rollout/use-cases/rollout-records.ts';
import { goodDay, memoryStores, NOW_MS, record } from '../support/trading/paper-day.ts';

const SKEW_MS_MAX = 2 * MINUTE_MS;
const DAY_AGO: RolloutState = initialRollout(NOW_MS - 24 * HOUR_MS);
const by = unproven('Ada');
const decisionOf = (over: Partial<GoNoGoRecord> = {}): GoNoGoRecord => ({
  verdict: 'NO_GO',
  decidedAtMs: NOW_MS,
  criteria: ['window'],
  evidenceKey: 'evidence/none',
  evidenceSha256: 'a'.repeat(64),
  ...over,
});

async function open(state: RolloutState | { readonly level: string } | null = DAY_AGO) {
  const stores = memoryStores();
  if (state !== null) await stores.risk.put('live', keyOf(ROLLOUT), state, { ifAbsent: true });
  const { risk } = stores;
  /** How many writes of this kind are refused, as if others had been faster. */
  const conflicts = (kind: string, count: number) => {
    const { put } = risk;
    const seen = { puts: 0 };
    risk.put = async (...given) => {
      if (!given[1].startsWith(kind)) return put(...given);
      seen.puts++;
      return seen.puts <= count ? 'conflict' : put(...given);
    };
    return seen;
  };
  const signBoth = async (nowMs = NOW_MS) => {
    await signOffRollout(risk, { role: 'technical_lead', by, nowMs });
    await signOffRollout(risk, { role: 'risk_manager', by: unproven('Bob'), nowMs });
  };
  const audit = async () => allValues(await rolloutRecords(risk).audit.all('live', 'rollout#'));
  const down = (kind: 'breach' | 'step_down' = 'step_down', nowMs = NOW_MS) =>
    stepDownRollout(risk, { kind, by, reason: 'storm', nowMs });
  const advance = (nowMs = NOW_MS) => advanceRollout(stores, { by, nowMs });
  const denials = async (nowMs = NOW_MS, state: RolloutState = DAY_AGO) =>
    (await findAdvanceDenials(stores, state, nowMs)).map(({ code }) => code);
  return { ...stores, conflicts, signBoth, audit, down, advance, denials };
}

/** A GO that is proven, decided at this time. */
async function decideGo(stores: Awaited<ReturnType<typeof open>>, decidedAtMs = NOW_MS) {
  await record(goodDay(), stores);
  const { decision, stored } = await reportGoNoGo(stores, { hours: 24, nowMs: decidedAtMs });
  expect(decision.verdict).toBe('GO');
  const go = decisionOf({
    ...{ verdict: 'GO', decidedAtMs, criteria: [] },
    ...{ evidenceKey: stored.key, evidenceSha256: stored.sha256 },
  });
  await keepDecision(stores.risk, go);
  return go;
}

describe('the newest decision', () => {
  it('takes the place of an older one, and of one of the same time', async () => {
    const { risk } = await open();
    expect(await readDecision(risk)).toBeUndefined();
    await keepDecision(risk, decisionOf());
    await keepDecision(risk, decisionOf({ criteria: [] }));
    expect(await readDecision(risk)).toEqual(decisionOf({ criteria: [] }));
    await keepDecision(risk, decisionOf({ decidedAtMs: NOW_MS - 1 }));
    expect(await readDecision(risk)).toEqual(decisionOf({ criteria: [] }));
    await keepDecision(risk, decisionOf({ decidedAtMs: NOW_MS + 1 }));
    expect(await readDecision(risk)).toEqual(decisionOf({ decidedAtMs: NOW_MS + 1 }));
  });

  it('takes the place of one that cannot be read', async () => {
    const { risk } = await open();
    await risk.put('live', keyOf(GO_NO_GO), { garbage: true }, { ifAbsent: true });
    await keepDecision(risk, decisionOf());
    expect(await readDecision(risk)).toEqual(decisionOf());
  });

  it('is written again when others write, five times at most', async () => {
    const { risk, conflicts } = await open();
    const fewer = conflicts('go-no-go', 4);
    await keepDecision(risk, decisionOf());
    expect(await readDecision(risk)).toEqual(decisionOf());
    expect(fewer.puts).toBe(5);
    const always = conflicts('go-no-go', 9);
    const kept = keepDecision(risk, decisionOf({ decidedAtMs: NOW_MS + 1 }));
    await expect(kept).rejects.toMatchObject({
      message: 'the newest GO/NO-GO decision is written too often',
      retryable: true,
    });
    await expect(kept).rejects.toBeInstanceOf(StoreError);
    expect(always.puts).toBe(5);
  });
});

describe('a rollout', () => {
  it('begins on paper where there is none, and is refused where it cannot be read', async () => {
    const { risk } = await open(null);
    expect(await readRollout(risk, NOW_MS)).toEqual(success(initialRollout(NOW_MS)));
    const kept = await open();
    expect(await readRollout(kept.risk, NOW_MS)).toEqual(success(DAY_AGO));
    const broken = await open({ level: 'EVERYTHING' });
    const message = 'the rollout record is malformed: step down to begin on paper again';
    expect(await readRollout(broken.risk, NOW_MS)).toEqual(failure({ code: 'state_unreadable', message }));
  });

  it('is signed and moved though its record is not there yet', async () => {
    const { risk, signBoth } = await open(null);
    await signBoth();
    expect(await readRollout(risk, NOW_MS + 5)).toMatchObject({
      value: { enteredAtMs: NOW_MS, signOffs: { risk_manager: { operator: { name: 'Bob' } } } },
    });
  });
});

describe('a step up', () => {
  it('is audited with who asked, from where to where, and on which evidence', async () => {
    const system = await open();
    const go = await decideGo(system);
    await system.signBoth();
    expect(await system.denials()).toEqual(['technical_lead_missing', 'risk_manager_missing']);
    expect(await system.advance()).toMatchObject({ ok: true, value: { outcome: 'advanced' } });
    const told = (await system.audit()).map(({ message, what, by: who }) => [what, who.name, message]);
    expect(told).toEqual([
      ['rollout signed_off: PAPER -> PAPER', 'Ada', 'signs off as technical_lead'],
      ['rollout signed_off: PAPER -> PAPER', 'Bob', 'signs off as risk_manager'],
      ['rollout advanced: PAPER -> HOUR_1_6', 'Ada', `on ${go.evidenceKey} sha256 ${go.evidenceSha256}`],
    ]);
  });

  it('has nothing against it for a state that both have signed', async () => {
    const system = await open();
    await decideGo(system);
    await system.signBoth();
    const state = await readRollout(system.risk, NOW_MS);
    expect(state.ok && (await system.denials(NOW_MS, state.value))).toEqual([]);
  });

  it('takes an operator whose clock is two minutes behind the decision, and no more', async () => {
    const system = await open();
    await decideGo(system);
    await system.signBoth();
    const refused = await system.advance(NOW_MS - SKEW_MS_MAX - 1);
    expect(refused).toMatchObject({ ok: false });
    expect(refused.ok ? [] : refused.error.map(({ code }) => code)).toContain('no_fresh_go');
    expect(await system.advance(NOW_MS - SKEW_MS_MAX)).toMatchObject({
      ok: true,
      value: { current: { enteredAtMs: NOW_MS } },
    });
  });

  it('takes one whose clock is two minutes behind the beginning of the level, and no more', async () => {
    const state = initialRollout(NOW_MS);
    const { denials } = await open(state);
    const denied = async (nowMs: number) => (await denials(nowMs, state))[0];
    expect(await denied(NOW_MS - SKEW_MS_MAX)).toBe('time_not_reached');
    expect(await denied(NOW_MS - SKEW_MS_MAX - 1)).toBe('clock_invalid');
  });

  it('is refused without a decision, and on a NO_GO, whose evidence is not asked for', async () => {
    const system = await open();
    await system.signBoth();
    const codes = async () => {
      const moved = await system.advance();
      return moved.ok ? [] : moved.error.map(({ code }) => code);
    };
    expect(await codes()).toEqual(['no_fresh_go']);
    await keepDecision(system.risk, decisionOf());
    expect(await codes()).toEqual(['no_fresh_go']);
    expect(await system.denials()).toContain('no_fresh_go');
  });

  it.each<[string, Partial<GoNoGoRecord>, string]>([
    ['is not in the store', { evidenceKey: 'evidence/none' }, 'evidence/none is not in the store'],
    ['was changed', { evidenceSha256: 'b'.repeat(64) }, 'was changed'],
    ['is that of another time', { decidedAtMs: NOW_MS + 1 }, 'is the evidence of another decision'],
  ])('is refused on a GO whose evidence %s', async (_name, over, message) => {
    const system = await open();
    const go = await decideGo(system);
    await system.signBoth();
    await rolloutRecords(system.risk).goNoGo.put('live', { ...go, ...over }, { ifRevision: 1 });
    const moved = await system.advance();
    expect(moved).toMatchObject({ ok: false, error: [{ code: 'evidence_invalid' }] });
    expect(moved.ok ? '' : moved.error[0]?.message).toContain(message);
    expect(await system.denials()).toEqual(['evidence_invalid']);
  });

  it('is refused on a GO whose evidence says NO_GO', async () => {
    const system = await open();
    const day = goodDay();
    day.trades.splice(0, 5);
    await record(day, system);
    const { decision, stored } = await reportGoNoGo(system, { hours: 24, nowMs: NOW_MS });
    expect(decision.verdict).toBe('NO_GO');
    const { key: evidenceKey, sha256: evidenceSha256 } = stored;
    await keepDecision(system.risk, decisionOf({ verdict: 'GO', evidenceKey, evidenceSha256 }));
    await system.signBoth();
    const moved = await system.advance();
    expect(moved.ok ? [] : moved.error).toEqual([
      { code: 'evidence_invalid', message: `${evidenceKey} is the evidence of another decision` },
    ]);
  });

  it('is refused where the record cannot be read, and when others move it', async () => {
    const broken = await open({ level: 'EVERYTHING' });
    const sign = (risk: RiskStore) => signOffRollout(risk, { role: 'technical_lead', by, nowMs: NOW_MS });
    const unreadable = {
      code: 'state_unreadable',
      message: 'the rollout record is malformed: step down to begin on paper again',
    };
    expect(await sign(broken.risk)).toEqual(failure([unreadable]));
    expect(await broken.audit()).toEqual([]);
    const message = 'someone else moved the rollout meanwhile: look at it and try again';
    const moved = await open();
    moved.conflicts('rollout', 1);
    expect(await sign(moved.risk)).toEqual(failure([{ code: 'conflict', message }]));
    // The entry of that attempt stands: another one of the same moment says the same.
    expect(await sign(moved.risk)).toEqual(failure([{ code: 'conflict', message }]));
    expect(await readRollout(moved.risk, NOW_MS)).toEqual(success(DAY_AGO));
  });

  it('writes no audit entry for what is denied', async () => {
    const system = await open();
    expect(await system.advance()).toMatchObject({ ok: false });
    expect(await system.audit()).toEqual([]);
  });
});

describe('a step down', () => {
  it.each(['breach', 'step_down'] as const)(
    'by a %s is not held up by an entry that is there',
    async (kind) => {
      const system = await open({ ...DAY_AGO, level: 'FULL' });
      system.conflicts('rollout', 1);
      expect(await system.down(kind)).toMatchObject({
        outcome: 'stepped_down',
        current: { level: 'HOUR_6_24', enteredAtMs: NOW_MS },
      });
      expect(await system.audit()).toEqual([
        { atMs: NOW_MS, what: 'rollout stepped_down: FULL -> HOUR_6_24', by, message: 'storm' },
      ]);
    },
  );

  it('is tried five times, then it is an error to be repeated', async () => {
    const system = await open({ ...DAY_AGO, level: 'FULL' });
    const few = system.conflicts('rollout', 4);
    expect(await system.down()).toMatchObject({ outcome: 'stepped_down' });
    expect(few.puts).toBe(5);
    const always = system.conflicts('rollout', 9);
    await expect(system.down()).rejects.toMatchObject({
      message: 'the rollout is moved too often: it could not be stepped down',
      retryable: true,
    });
    expect(always.puts).toBe(5);
  });

  it.each(['breach', 'step_down'] as const)('by a %s mends a record that cannot be read', async (kind) => {
    const { risk, down, audit } = await open({ level: 'EVERYTHING' });
    expect(await down(kind)).toMatchObject({ outcome: 'restarted' });
    expect(await readRollout(risk, NOW_MS)).toEqual(success(initialRollout(NOW_MS)));
    expect(await audit()).toMatchObject([{ what: 'rollout restarted: PAPER -> PAPER' }]);
  });

  it('begins a rollout that is not there', async () => {
    const { risk, down } = await open(null);
    expect(await down()).toMatchObject({ outcome: 'restarted' });
    expect(await readRollout(risk, NOW_MS + 1)).toEqual(success(initialRollout(NOW_MS)));
    const { records } = await rolloutRecords(risk).audit.all('live', 'rollout#');
    expect(records.map(({ id }) => id)).toEqual([`rollout#${NOW_MS}#0#restarted`]);
  });

  it('needs no clock that is right, and begins no earlier than the level before', async () => {
    const later = { ...initialRollout(NOW_MS + HOUR_MS), level: 'FULL' as const };
    const { down, audit } = await open(later);
    expect(await down()).toMatchObject({ current: { level: 'HOUR_6_24', enteredAtMs: NOW_MS + HOUR_MS } });
    expect(await audit()).toMatchObject([{ atMs: NOW_MS }]);
  });

  it('has an entry of its own for every revision of one moment', async () => {
    const { down, audit } = await open({ ...DAY_AGO, level: 'FULL' });
    await down();
    await down();
    expect((await audit()).map(({ what }) => what)).toEqual([
      'rollout stepped_down: FULL -> HOUR_6_24',
      'rollout stepped_down: HOUR_6_24 -> HOUR_1_6',
    ]);
  });
});
