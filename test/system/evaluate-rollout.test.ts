// The evaluate function and the operator's commands for it on the embedded services and the simulated exchange.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createEvaluateRolloutHandler,
  type EvaluateRolloutResult,
} from '../../functions/evaluate-rollout/handler.ts';
import { unproven } from '../../lib/core/actor.ts';
import { HOUR_MS } from '../../lib/core/units.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { REQUEST_BARS } from '../../lib/market/grid.ts';
import { writeUniverse } from '../../lib/market/use-cases/active-universe.ts';
import { firstArmed } from '../../lib/risk/breaker/state.ts';
import { newGate } from '../../lib/risk/gate.ts';
import { LEASE_MS } from '../../lib/risk/latch.ts';
import { initialRollout } from '../../lib/risk/level.ts';
import { keyOf } from '../../lib/risk/record-kind.ts';
import { ROLLOUT } from '../../lib/risk/records.ts';
import { advanceRollout, readRollout, signOffRollout } from '../../lib/rollout/use-cases/move-rollout.ts';
import {
  composeEvaluateRollout,
  type EvaluateRolloutComposition,
} from '../../lib/runtime/compose/evaluate-rollout.ts';
import { prepareLocalStage } from '../../lib/runtime/compose/local-stage.ts';
import { type OperatorSystem, openLocalStage } from '../../lib/runtime/compose/operator.ts';
import { localTradingSettings } from '../../lib/runtime/config/local-settings.ts';
import { LOCAL_BUCKET } from '../../lib/runtime/config/stage.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../../local/aws/embedded-aws.ts';
import { type SimulatedExchange, startSimulatedExchange } from '../../local/exchange/simulated-exchange.ts';
import { generateMarket } from '../../local/market/generated-market.ts';
import { qtrader } from '../support/qtrader.ts';
import { writeRecord } from '../support/trading/healthy-scope.ts';
import { goodDay, NOW_MS, record } from '../support/trading/paper-day.ts';

const market = generateMarket({
  seed: 5,
  symbols: 3,
  fromMs: Math.floor(NOW_MS / BAR_MS) * BAR_MS - REQUEST_BARS * BAR_MS,
  bars: REQUEST_BARS + 1,
});
const clock = { nowMs: () => NOW_MS };
/** On paper since a day ago. */
const PAPER = initialRollout(NOW_MS - 24 * HOUR_MS);

let stateDir: string;
let aws: EmbeddedAws;
let exchange: SimulatedExchange;
let system: OperatorSystem;
let composition: EvaluateRolloutComposition;
let evaluate: () => Promise<EvaluateRolloutResult>;
let log: string[];

async function startAll(): Promise<void> {
  aws = await startEmbeddedAws({ stateDir });
  system = openLocalStage(aws.endpoints, stateDir);
  log = [];
  const logOutput = new PassThrough();
  logOutput.on('data', (chunk) => log.push(...String(chunk).trim().split('\n')));
  composition = composeEvaluateRollout(
    localTradingSettings({ exchange: 'binanceusdm', exchangeUrl: exchange.url }),
    { endpoints: aws.endpoints, clock, logOutput },
  );
  evaluate = createEvaluateRolloutHandler(composition);
}
async function stopAll(): Promise<void> {
  await composition.close();
  await system.close();
  await aws.close();
}
const levelTo = (state: unknown) => writeRecord(system.risk, 'live', keyOf(ROLLOUT), state);
/** As its user runs it: on the saved state of a system that does not run. */
async function withCommands(work: () => Promise<void>): Promise<void> {
  await stopAll();
  try {
    await work();
  } finally {
    await startAll();
  }
}
const state = () => ['--state', stateDir] as const;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'qt-evaluate-'));
  exchange = await startSimulatedExchange({ market, clock });
  await startAll();
  await prepareLocalStage(aws.endpoints, system.objects);
  await writeUniverse(system.objects, { schemaVersion: 1, asOf: '2024-08-06', symbols: [...market.symbols] });
  await record(goodDay(), system);
  await system.risk.createGate('paper', { ...newGate(firstArmed(NOW_MS)), leaseUntilMs: NOW_MS + LEASE_MS });
});
afterAll(async () => {
  await stopAll();
  await exchange.close();
  await rm(stateDir, { recursive: true });
});

describe('evaluate on the embedded services', () => {
  it('judges the day GO, and tells it as one line and as metrics', async () => {
    await levelTo(PAPER);
    const result = await evaluate();
    expect(result).toMatchObject({ verdict: 'GO', criteria: [], breaches: [], level: 'PAPER' });
    expect(await system.objects.head(result.evidenceKey)).toBeDefined();
    const lines = log.map((line) => JSON.parse(line));
    expect(lines.find(({ message }) => message === 'rollout assessed')).toMatchObject({
      level: 'INFO',
      service: 'evaluate-rollout',
      assessment: { decision: { verdict: 'GO' } },
    });
    expect(lines).toContainEqual(
      expect.objectContaining({
        Go: 1,
        GoNoGoBreaches: 0,
        ParityValues: 3_528,
        ParityMismatches: 0,
        CapitalLevel: 0,
      }),
    );
    expect(lines).toContainEqual(expect.objectContaining({ criterion: 'agreement', GoNoGoValue: 1 }));
  });

  it('lets one of several advance at once', async () => {
    await levelTo(PAPER);
    await evaluate();
    for (const [role, by] of [
      ['technical_lead', 'Ada'],
      ['risk_manager', 'Bob'],
    ] as const)
      expect(await signOffRollout(system.risk, { role, by: unproven(by), nowMs: NOW_MS })).toMatchObject({
        ok: true,
      });
    const advance = (by: string) => advanceRollout(system, { by: unproven(by), nowMs: NOW_MS });
    const outcomes = await Promise.all(['Ada', 'Bob', 'Eve', 'Kim'].map(advance));
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
    expect(await readRollout(system.risk, NOW_MS)).toMatchObject({ value: { level: 'HOUR_1_6' } });
  });

  it('is NO_GO without the signals table, and fails when it cannot keep its decision', async () => {
    await levelTo(PAPER);
    aws.faults.dynamodb.inject({ kind: 'error', times: 10_000, operation: 'Query' });
    const result = await evaluate();
    aws.faults.dynamodb.clear();
    expect(result).toMatchObject({ verdict: 'NO_GO', breaches: [] });
    expect(result.criteria).toEqual(expect.arrayContaining(['coverage', 'agreement', 'profit', 'sample']));
    aws.faults.s3.inject({ kind: 'error', times: 10_000 });
    await expect(evaluate()).rejects.toThrow();
    aws.faults.s3.clear();
  });
});

describe('qtrader gonogo and qtrader rollout', () => {
  // Twelve processes one after another take their time on a busy machine.
  it('report, prove and refuse as a user sees it, from sign-off to the way down', async () => {
    await levelTo(PAPER);
    await evaluate();
    await withCommands(async () => {
      const go = await qtrader('gonogo', '--hours', '24', ...state());
      expect(go.stderr).toBe('');
      expect(go.stdout).toMatch(/^GO over 24 h, 2024-08-05 12:00 to 2024-08-06 12:00 UTC\n/);
      expect(go.stdout).toMatch(/met +stop_hits +8\.3 % +stop-loss hits are below 10 % of positions/);
      expect(go.exitCode).toBe(0);
      const noGo = await qtrader('gonogo', '--hours', '23', '--json', ...state());
      expect(noGo.exitCode).toBe(1);
      const report = JSON.parse(noGo.stdout);
      expect(report).toMatchObject({ verdict: 'NO_GO', criteria: ['window'] });

      const { key } = report.stored;
      expect(await qtrader('gonogo', '--verify', key, ...state())).toMatchObject({
        exitCode: 0,
        stdout: `${key} is unchanged: NO_GO, 2024-08-06 12:00 UTC\n`,
      });
      const file = join(stateDir, 's3', LOCAL_BUCKET, key);
      await writeFile(file, (await readFile(file, 'utf8')).replace('"windowHours": 23', '"windowHours": 24'));
      const tampered = await qtrader('gonogo', '--verify', key, ...state());
      expect(tampered.exitCode).toBe(1);
      expect(tampered.stderr).toMatch(/^error: [^\n]+\n$/);

      const refused = await qtrader('rollout', 'advance', '--by', 'Ada', ...state());
      expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
      expect(refused.stderr).toMatch(
        /^error: technical_lead_missing: [^\n]+; risk_manager_missing: [^\n]+\n$/,
      );
      const sign = (role: string, by: string) =>
        qtrader('rollout', 'approve', '--role', role, '--by', by, ...state());
      expect(await sign('technical_lead', 'Ada')).toMatchObject({ exitCode: 0 });
      expect(await sign('risk_manager', 'ada ')).toMatchObject({
        exitCode: 1,
        stderr: 'error: same_identity: one person cannot sign off in both roles\n',
      });
      expect(await sign('risk_manager', 'Bob')).toMatchObject({ exitCode: 0 });
      expect(await qtrader('rollout', 'advance', '--by', 'Ada', ...state())).toMatchObject({
        exitCode: 0,
        stdout: 'advanced: PAPER -> HOUR_1_6\n',
      });
      const status = await qtrader('rollout', 'status', '--json', ...state());
      expect(JSON.parse(status.stdout)).toMatchObject({
        level: 'HOUR_1_6',
        limits: { capitalFraction: 0.1, positions: 5 },
        decision: { verdict: 'GO' },
      });
      expect((await qtrader('rollout', 'status', ...state())).stdout).toMatch(
        /^level HOUR_1_6 since 2024-08-06 12:00 UTC\n/,
      );
      expect(
        await qtrader('rollout', 'step-down', '--by', 'Bob', '--reason', 'storm', ...state()),
      ).toMatchObject({
        exitCode: 0,
        stdout: 'stepped_down: HOUR_1_6 -> PAPER\n',
      });
    });
  }, 180_000);

  it.each([
    [['gonogo', '--hours', '0']],
    [['gonogo', '--hours', '73']],
    [['rollout', 'approve', '--role', 'intern', '--by', 'Eve']],
    [['rollout', 'approve', '--role', 'risk_manager']],
    [['rollout', 'step-down', '--by', 'Eve']],
  ])('wrong usage of %j exits with 2', async (args) => {
    expect(await qtrader(...args, '--state', join(stateDir, 'none'))).toMatchObject({
      exitCode: 2,
      stdout: '',
    });
  });
});
