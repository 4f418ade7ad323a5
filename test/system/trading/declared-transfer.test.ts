// A transfer that an operator has declared with the command, against the real account: `qtrader`, DynamoDB, and the broker over HTTP.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createClients } from '../../../lib/adapters/aws/create-clients.ts';
import { ensureLocalResources } from '../../../lib/adapters/aws/resources.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { allValues } from '../../../lib/risk/use-cases/typed-records.ts';
import { type OperatorSystem, openLocalStage } from '../../../lib/runtime/compose/operator.ts';
import { LOCAL_BUCKET, LOCAL_STAGE, resourcesOfStage } from '../../../lib/runtime/config/stage.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../../../local/aws/embedded-aws.ts';
import { announceRunningSystem, withdrawRunningSystem } from '../../../local/run/running-system.ts';
import { qtrader } from '../../support/qtrader.ts';
import { LIVE_DEPOSIT_USDT, LiveWorld } from '../../support/trading/live-world.ts';

let stateDir: string;
let aws: EmbeddedAws;
let system: OperatorSystem;
let world: LiveWorld;

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'qt-transfer-'));
  aws = await startEmbeddedAws({ stateDir });
  const clients = createClients(aws.endpoints);
  const { signalsTable, riskTable } = resourcesOfStage(LOCAL_STAGE);
  await ensureLocalResources(clients, { bucket: LOCAL_BUCKET, signalsTable, riskTable, stage: LOCAL_STAGE });
  clients.close();
  system = openLocalStage(aws.endpoints, stateDir);
  world = await LiveWorld.open({}, {}, system.risk);
  const { exchange: simulatedExchange } = world;
  await announceRunningSystem(stateDir, { aws, exchange: 'binanceusdm', simulatedExchange });
});
afterEach(async () => {
  withdrawRunningSystem(stateDir);
  await world.exchange.close();
  await system.close();
  await aws.close();
  await rm(stateDir, { recursive: true });
});

const declare = (usdt: string, ...more: string[]) =>
  qtrader('transfer', 'declare', `--usdt=${usdt}`, '--by', 'ada', ...more, '--state', stateDir);

it('is booked as a deposit and does not trip; it is on record, with who said why', async () => {
  const declared = await declare('500', '--reason', 'more capital');
  expect(declared).toMatchObject({ exitCode: 0, stderr: '' });
  expect(declared.stdout).toMatch(/^live: 500 USDT declared at .* by ada/);
  world.exchange.external.transfer({ amount: 500 });
  await world.minutes(12);
  expect(await world.latch()).toBe('ARMED');
  const records = executionRecords(system.risk);
  const { ledger, undeclared } = (await records.bookedLedger.get('live'))!.value;
  expect([ledger.depositMicroUsdt, undeclared]).toEqual([(LIVE_DEPOSIT_USDT + 500) * 1e6, []]);
  expect(allValues(await records.transferDeclarations.all('live'))).toMatchObject([
    { amountMicroUsdt: 500_000_000, by: { name: 'ada', proven: false }, reason: 'more capital' },
  ]);
});

it('is none when the amount is none, or when nobody says why', async () => {
  for (const usdt of ['0', '', 'much'])
    expect(await declare(usdt, '--reason', 'a test')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/--usdt/),
    });
  expect(await declare('500')).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/--reason/) });
  expect(allValues(await executionRecords(system.risk).transferDeclarations.all('live'))).toEqual([]);
});
