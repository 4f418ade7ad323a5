// The hourly evaluation of the rollout: what it proves, keeps and steps down by, and what a way up has to show.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createRecordedMarket } from '../../lib/adapters/files/folder-market-data.ts';
import { unproven } from '../../lib/core/actor.ts';
import { success } from '../../lib/core/result.ts';
import { StoreError } from '../../lib/core/store-error.ts';
import { HOUR_MS } from '../../lib/core/units.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { REQUEST_BARS } from '../../lib/market/grid.ts';
import { writeUniverse } from '../../lib/market/use-cases/active-universe.ts';
import { initialRollout, type RolloutState } from '../../lib/risk/level.ts';
import { keyOf } from '../../lib/risk/record-kind.ts';
import { ROLLOUT } from '../../lib/risk/records.ts';
import { readLevel } from '../../lib/risk/use-cases/read-level.ts';
import { allValues } from '../../lib/risk/use-cases/typed-records.ts';
import { assessRollout, reportGoNoGo } from '../../lib/rollout/use-cases/assess-rollout.ts';
import { verifyEvidence } from '../../lib/rollout/use-cases/evidence-bundle.ts';
import {
  advanceRollout,
  readDecision,
  readRollout,
  signOffRollout,
  stepDownRollout,
} from '../../lib/rollout/use-cases/move-rollout.ts';
import { rolloutRecords } from '../../lib/rollout/use-cases/rollout-records.ts';
import { generateMarket } from '../../local/market/generated-market.ts';
import {
  goodDay,
  memoryStores,
  NOW_MS,
  type PaperDay,
  record,
  votesOf,
} from '../support/trading/paper-day.ts';

const market = generateMarket({
  seed: 5,
  symbols: 3,
  fromMs: Math.floor(NOW_MS / BAR_MS) * BAR_MS - REQUEST_BARS * BAR_MS,
  bars: REQUEST_BARS + 1,
});
const folder = { symbols: market.symbols, read: async (symbol: string) => success(market.candles(symbol)) };

/** A day on paper that began 24 h ago. */
const PAPER = initialRollout(NOW_MS - 24 * HOUR_MS);

async function open(day: PaperDay = goodDay(), state: RolloutState = PAPER) {
  const stores = memoryStores();
  await record(day, stores);
  await writeUniverse(stores.objects, { schemaVersion: 1, asOf: '2024-08-06', symbols: [...market.symbols] });
  const records = rolloutRecords(stores.risk);
  await stores.risk.put('live', keyOf(ROLLOUT), state, { ifAbsent: true });
  const clock = { nowMs: () => NOW_MS };
  const assess = () => assessRollout({ ...stores, clock, market: createRecordedMarket(folder, clock) });
  const stateNow = async () => {
    const state = await readRollout(stores.risk, NOW_MS);
    return state.ok ? state.value : state.error.code;
  };
  const audit = async () => allValues(await records.audit.all('live', 'rollout#'));
  const signBoth = async () => {
    await signOffRollout(stores.risk, { role: 'technical_lead', by: unproven('Ada'), nowMs: NOW_MS });
    await signOffRollout(stores.risk, { role: 'risk_manager', by: unproven('Bob'), nowMs: NOW_MS });
  };
  const advance = (by: string) => advanceRollout(stores, { by: unproven(by), nowMs: NOW_MS });
  return { ...stores, assess, stateNow, audit, signBoth, advance };
}

const lossy = () => {
  const day = goodDay();
  day.snapshots[200] = { ...day.snapshots[200]!, equityMicroUsdt: 8_000_000_000 };
  return day;
};

describe('the hourly evaluation', () => {
  it('of a good day is GO, proves parity, and keeps decision and evidence', async () => {
    const system = await open();
    const assessment = await system.assess();
    expect(assessment.decision.verdict).toBe('GO');
    expect(assessment).toMatchObject({
      level: 'PAPER',
      steppedDown: undefined,
      parity: { mismatches: 0, problems: [] },
    });
    // 24 rows of 49 values for each of the three symbols.
    expect(assessment.parity.values).toBe(3 * 24 * 49);
    expect(await rolloutRecords(system.risk).parity.latest('paper')).toEqual(assessment.parity);

    const decision = (await readDecision(system.risk))!;
    expect(decision).toMatchObject({ verdict: 'GO', decidedAtMs: NOW_MS, criteria: [] });
    const { evidenceKey: key, evidenceSha256: sha256 } = decision;
    expect(key).toMatch(/^evidence\/2024-08-06T120010\.000Z-[0-9a-f]{12}\.json$/);
    expect(key).toContain(sha256.slice(0, 12));
    const proven = await verifyEvidence(system.objects, { key, sha256 });
    expect(proven).toMatchObject({ ok: true, value: { verdict: 'GO', level: 'PAPER' } });
  });

  it('begins a rollout on paper where there is none, once', async () => {
    const { risk } = memoryStores();
    expect(await readRollout(risk, NOW_MS)).toEqual(success(initialRollout(NOW_MS)));
    expect(await readRollout(risk, NOW_MS + HOUR_MS)).toEqual(success(initialRollout(NOW_MS)));
  });

  it.each(['HOUR_1_6', 'HOUR_6_24', 'FULL'] as const)('steps %s down at once on a breach', async (level) => {
    const system = await open(lossy(), { ...PAPER, level });
    const assessment = await system.assess();
    expect(assessment.steppedDown).toMatchObject({ outcome: 'stepped_down', previous: { level } });
    expect(await system.stateNow()).toEqual(assessment.steppedDown?.current);
    expect(await system.audit()).toEqual([
      {
        atMs: NOW_MS,
        what: `rollout stepped_down: ${level} -> ${assessment.steppedDown?.current.level}`,
        by: { name: 'evaluate-rollout', proven: true },
        message: `daily_drawdown (${assessment.stored.key})`,
      },
    ]);
  });

  it('steps down even when neither evidence nor universe can be reached, and fails then', async () => {
    const system = await open(lossy(), { ...PAPER, level: 'FULL' });
    const gone = () => Promise.reject(new StoreError('the bucket is gone', { retryable: true }));
    const clock = { nowMs: () => NOW_MS };
    const judged = assessRollout({
      ...system,
      objects: { head: gone, get: gone, put: gone, list: gone },
      clock,
      market: createRecordedMarket(folder, clock),
    });
    await expect(judged).rejects.toThrow('the bucket is gone');
    expect(await rolloutRecords(system.risk).parity.latest('paper')).toMatchObject({
      ...{ symbols: [], values: 0, problems: ['there is no universe that can be read'] },
    });
    expect(await system.stateNow()).toMatchObject({ level: 'HOUR_6_24' });
  });

  it('steps down although the proof of parity cannot be kept, and fails then', async () => {
    const system = await open(lossy(), { ...PAPER, level: 'FULL' });
    const { put } = system.risk;
    system.risk.put = (...given) =>
      given[1].startsWith('parity#')
        ? Promise.reject(new StoreError('the table is busy', { retryable: true }))
        : put(...given);
    await expect(system.assess()).rejects.toThrow('the table is busy');
    expect(await system.stateNow()).toMatchObject({ level: 'HOUR_6_24' });
    // No decision is kept on evidence that lacks the newest proof.
    expect(await readDecision(system.risk)).toBeUndefined();
  });

  it('keeps which criteria are not met, and with a GO that none is', async () => {
    const day = goodDay();
    day.trades.splice(0, 5);
    const system = await open(day);
    const { decision, stored } = await system.assess();
    expect(await readDecision(system.risk)).toEqual({
      ...{ verdict: 'NO_GO', decidedAtMs: NOW_MS, criteria: ['sample'] },
      ...{ evidenceKey: stored.key, evidenceSha256: stored.sha256 },
    });
    expect(decision).toMatchObject({ criteria: ['sample'], breaches: [] });
    const good = await open();
    await good.assess();
    expect((await readDecision(good.risk))?.criteria).toEqual([]);
  });

  it('judges the last 24 hours, of live trading too once that may have traded', async () => {
    const windowOf = async (level: RolloutState['level']) => {
      const system = await open(goodDay(), { ...PAPER, level });
      const { trades } = rolloutRecords(system.risk);
      for (const trade of goodDay().trades) await trades.add('live', trade);
      const { collected } = await system.assess();
      return [collected.window.hours, collected.evidence.positionsOpened];
    };
    expect(await windowOf('PAPER')).toEqual([24, 12]);
    expect(await windowOf('HOUR_1_6')).toEqual([24, 24]);
    expect(await windowOf('EVERYTHING' as never)).toEqual([24, 24]);
  });

  it('steps down by the record that cannot be read, and says so', async () => {
    const system = await open(goodDay(), { level: 'EVERYTHING' } as never);
    const { steppedDown, stored, decision } = await system.assess();
    expect(decision.verdict).toBe('GO');
    expect(steppedDown?.current.level).toBe('PAPER');
    const [entry] = await system.audit();
    expect(entry?.message).toBe(
      `the rollout record is malformed: step down to begin on paper again (${stored.key})`,
    );
  });

  it('names every bound that is broken', async () => {
    const day = lossy();
    const votes = votesOf('BUY', 'SELL');
    day.signals.splice(0, day.signals.length, ...day.signals.map((signal) => ({ ...signal, votes })));
    const system = await open(day, { ...PAPER, level: 'FULL' });
    const { stored } = await system.assess();
    const [entry] = await system.audit();
    expect(entry?.message).toBe(`agreement, daily_drawdown (${stored.key})`);
  });

  it('leaves the stage alone on NO_GO without a breach', async () => {
    const day = goodDay();
    day.trades.splice(0, 5);
    const system = await open(day, { ...PAPER, level: 'FULL' });
    expect(await system.assess()).toMatchObject({ decision: { verdict: 'NO_GO' }, steppedDown: undefined });
    expect(await system.stateNow()).toMatchObject({ level: 'FULL' });
  });

  it('takes a rollout that cannot be read back to paper', async () => {
    const system = await open(goodDay(), { level: 'EVERYTHING' } as never);
    expect(await system.stateNow()).toBe('state_unreadable');
    // Neither a level nor paper: what may trade under it cannot be told.
    expect(await readLevel(system.risk)).toBeUndefined();
    expect((await reportGoNoGo(system, { hours: 24, nowMs: NOW_MS })).level).toBeUndefined();
    const signed = await signOffRollout(system.risk, {
      role: 'technical_lead',
      by: unproven('Ada'),
      nowMs: NOW_MS,
    });
    expect(signed).toMatchObject({ ok: false, error: [{ code: 'state_unreadable' }] });
    await system.assess();
    expect(await system.stateNow()).toMatchObject({ level: 'PAPER' });
  });

  it('says what could not be read of the exchange, and proves nothing then', async () => {
    const system = await open();
    const unavailable = { code: 'unavailable', message: '503 from the exchange', retryable: true } as const;
    const clock = { nowMs: () => NOW_MS };
    const recorded = createRecordedMarket(folder, clock);
    const dead = { ...recorded, closedCandles: async () => ({ ok: false as const, error: unavailable }) };
    const assessment = await assessRollout({ ...system, clock, market: dead });
    expect(assessment.parity).toMatchObject({ values: 0, mismatches: 0 });
    expect(assessment.parity.problems).toHaveLength(3);
  });
});

describe('a report', () => {
  it('stores its evidence, but moves neither rollout nor decision', async () => {
    const system = await open(lossy(), { ...PAPER, level: 'FULL' });
    const report = await reportGoNoGo(system, { hours: 24, nowMs: NOW_MS });
    expect(report.decision).toMatchObject({ verdict: 'NO_GO', breaches: ['daily_drawdown'] });
    expect(await verifyEvidence(system.objects, report.stored)).toMatchObject({ ok: true });
    expect(await readDecision(system.risk)).toBeUndefined();
    expect(await system.stateNow()).toMatchObject({ level: 'FULL' });
  });
});

describe('the way up', () => {
  it('takes a day, a proven GO and two people, and is audited', async () => {
    const system = await open();
    const early = await system.advance('Ada');
    expect(early).toMatchObject({
      ok: false,
      error: [{ code: 'no_fresh_go' }, { code: 'technical_lead_missing' }, { code: 'risk_manager_missing' }],
    });
    await system.assess();
    await system.signBoth();
    const moved = await system.advance('Ada');
    expect(moved).toMatchObject({ ok: true, value: { outcome: 'advanced', current: { level: 'HOUR_1_6' } } });
    const sha256 = (await readDecision(system.risk))!.evidenceSha256;
    const entries = await system.audit();
    expect(entries.map(({ what, by }) => [what, by.name]).sort()).toEqual([
      ['rollout advanced: PAPER -> HOUR_1_6', 'Ada'],
      ['rollout signed_off: PAPER -> PAPER', 'Ada'],
      ['rollout signed_off: PAPER -> PAPER', 'Bob'],
    ]);
    expect(entries.find(({ what }) => what.includes('advanced'))?.message).toContain(sha256);
  });

  it('is not opened by one person in both roles', async () => {
    const system = await open();
    await system.assess();
    await signOffRollout(system.risk, { role: 'technical_lead', by: unproven('Ada'), nowMs: NOW_MS });
    const second = await signOffRollout(system.risk, {
      role: 'risk_manager',
      by: unproven(' ADA'),
      nowMs: NOW_MS,
    });
    expect(second).toMatchObject({ ok: false, error: [{ code: 'same_identity' }] });
    expect(await system.advance('Ada')).toMatchObject({
      ok: false,
      error: [{ code: 'risk_manager_missing' }],
    });
  });

  it('goes up once when several go at once', async () => {
    const system = await open();
    await system.assess();
    await system.signBoth();
    const outcomes = await Promise.all(['Ada', 'Bob', 'Eve'].map(system.advance));
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
    expect(await system.stateNow()).toMatchObject({ level: 'HOUR_1_6' });
  });

  it.each<[string, (bundle: string) => string]>([
    ['bytes changed', (bundle) => bundle.replace('"profitUsdt"', '"profitUsdt" ')],
    ['a figure changed', (bundle) => bundle.replace(/"meanConfidence": [\d.]+/, '"meanConfidence": 0.9')],
    ['truncated', (bundle) => bundle.slice(0, 100)],
    ['emptied', () => ''],
  ])('is closed when the evidence is %s', async (_, tamper) => {
    const system = await open();
    await system.assess();
    await system.signBoth();
    const { evidenceKey: key } = (await readDecision(system.risk))!;
    const body = Buffer.from((await system.objects.get(key))!.body).toString();
    expect(tamper(body)).not.toBe(body);
    await system.objects.put(key, Buffer.from(tamper(body)));
    expect(await system.advance('Ada')).toMatchObject({ ok: false, error: [{ code: 'evidence_invalid' }] });
    expect(await verifyEvidence(system.objects, { key, sha256: undefined })).toMatchObject({ ok: false });
    expect(await system.stateNow()).toMatchObject({ level: 'PAPER' });
  });

  it('is closed on a GO that names the evidence of another decision', async () => {
    const system = await open();
    await system.assess();
    await system.signBoth();
    const other = await reportGoNoGo(system, { hours: 24, nowMs: NOW_MS + 1_000 });
    expect(other.decision.verdict).toBe('GO');
    const { goNoGo } = rolloutRecords(system.risk);
    const { value, revision } = (await goNoGo.get('live'))!;
    const { key: evidenceKey, sha256: evidenceSha256 } = other.stored;
    await goNoGo.put('live', { ...value, evidenceKey, evidenceSha256 }, { ifRevision: revision });
    const moved = await system.advance('Ada');
    expect(moved).toMatchObject({ ok: false, error: [{ code: 'evidence_invalid' }] });
    expect(moved.ok ? '' : moved.error[0]!.message).toContain('of another decision');
    expect(await system.stateNow()).toMatchObject({ level: 'PAPER' });
  });

  it('is closed when the evidence is gone, or says otherwise than its verdict', async () => {
    const system = await open();
    const { stored } = await reportGoNoGo(system, { hours: 24, nowMs: NOW_MS });
    const body = Buffer.from((await system.objects.get(stored.key))!.body).toString();
    const forged = Buffer.from(body.replace(/"stopLossHits": 1/, '"stopLossHits": 9'));
    const sha256 = createHash('sha256').update(forged).digest('hex');
    const key = `evidence/forged-${sha256.slice(0, 12)}.json`;
    await system.objects.put(key, forged);
    expect(await verifyEvidence(system.objects, { key, sha256 })).toEqual({
      ok: false,
      error: `${key} says GO, but its evidence says NO_GO`,
    });
    expect(
      await verifyEvidence(system.objects, { key: 'evidence/x-0123456789ab.json', sha256: undefined }),
    ).toEqual({
      ok: false,
      error: 'evidence/x-0123456789ab.json is not in the store',
    });
    expect(
      await verifyEvidence(system.objects, { key: 'universe/current.json', sha256: undefined }),
    ).toMatchObject({
      ok: false,
    });
  });
});

describe('the way down', () => {
  it('needs nobody, holds against others who move at the same time, and begins the day on paper again', async () => {
    const system = await open(goodDay(), { ...PAPER, level: 'FULL' });
    const down = () =>
      stepDownRollout(system.risk, {
        kind: 'step_down',
        by: unproven('Bob'),
        reason: 'storm',
        nowMs: NOW_MS,
      });
    const moved = await Promise.all([down(), down()]);
    expect(moved.map(({ outcome }) => outcome)).toEqual(['stepped_down', 'stepped_down']);
    expect(await system.stateNow()).toMatchObject({ level: 'HOUR_1_6', enteredAtMs: NOW_MS });
    await down();
    expect(await down()).toMatchObject({ outcome: 'restarted', current: initialRollout(NOW_MS) });
  });
});
