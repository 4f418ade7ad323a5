// Two people, proven: what each policy of the synthesised stage lets a person do through the functions, and who the records say it
// was. The commands run as their users run them; every call, theirs and the functions', passes the permissions of its role.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { GetParameterCommand, PutParameterCommand } from '@aws-sdk/client-ssm';
import { PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClients } from '../../lib/adapters/aws/create-clients.ts';
import { callFunctionUrl } from '../../lib/adapters/aws/lambda/call-function-url.ts';
import { ensureLocalResources } from '../../lib/adapters/aws/resources.ts';
import { createSsmFlagStore } from '../../lib/adapters/aws/ssm/ssm-flag-store.ts';
import { type Actor, unproven } from '../../lib/core/actor.ts';
import { HOUR_MS } from '../../lib/core/units.ts';
import type { SignalStore } from '../../lib/inference/ports.ts';
import { BREAKER_LIMITS } from '../../lib/risk/breaker/limits.ts';
import { firstArmed } from '../../lib/risk/breaker/state.ts';
import { CLOSED_FLAGS } from '../../lib/risk/breaker/transition-types.ts';
import { newGate, planAuthorisation } from '../../lib/risk/gate.ts';
import type { RiskStore } from '../../lib/risk/ports.ts';
import { tripBreaker } from '../../lib/risk/use-cases/circuit-breaker.ts';
import { riskRecords } from '../../lib/risk/use-cases/risk-records.ts';
import { allValues } from '../../lib/risk/use-cases/typed-records.ts';
import {
  composeApprove,
  composeEmergencyStop,
  composeOperate,
} from '../../lib/runtime/compose/people/operator-functions.ts';
import {
  createOperatorHandler,
  type OperatorComposition,
} from '../../lib/runtime/compose/people/operator-handler.ts';
import { openRiskStore, openSignalStore } from '../../lib/runtime/compose/stores.ts';
import {
  credentialParameters,
  functionUrlParameter,
  resourcesOfStage,
} from '../../lib/runtime/config/stage.ts';
import { type EmbeddedTarget, openEmbedded } from '../support/aws-target.ts';
import { type Principal, serveFunctionUrl } from '../support/infra/function-urls.ts';
import { type GuardedAws, guardAws } from '../support/infra/guarded-aws.ts';
import { isAllowed } from '../support/infra/iam-evaluation.ts';
import {
  ACCOUNT,
  permissionsByRole,
  REGION,
  type Statement,
  type SynthesisedStage,
  synthesise,
} from '../support/infra/synthesised-stage.ts';
import { QT, type QtOutcome } from '../support/qtrader.ts';
import { beHealthy } from '../support/trading/healthy-scope.ts';

const STAGE = 'dev';
const SCOPE = 'paper';
const names = resourcesOfStage(STAGE);
const userOf = (name: string) => `arn:aws:iam::${ACCOUNT}:user/desk/${name}`;
const sessionOf = (role: string, name: string, account = ACCOUNT) =>
  `arn:aws:sts::${account}:assumed-role/${role}/${name}`;

let stage: SynthesisedStage;
let roles: ReadonlyMap<string, readonly Statement[]>;
beforeAll(async () => {
  stage = await synthesise({ bundle: false });
  roles = permissionsByRole(stage);
}, 240_000);
afterAll(() => rm(stage.folder, { recursive: true }));

interface Person extends Principal {
  /** For the command. */
  readonly environment: NodeJS.ProcessEnv;
}

let target: EmbeddedTarget;
let risk: RiskStore;
let signals: SignalStore;
let closers: (() => Promise<void>)[];
let people: Record<string, Person>;
const urls: Record<string, string> = {};

const policiesOf = (...policies: string[]) => policies.flatMap((policy) => roles.get(policy)!);
const flags = () => createSsmFlagStore({ client: target.clients.ssm, stage: STAGE });
const flagOf = async (name: string) => (await flags().read([name])).get(name);
const breakerOf = async () => (await risk.readGate(SCOPE))!.breaker;
const trail = async () => allValues(await riskRecords(risk).audit.all(SCOPE));

async function guard(statements: readonly Statement[]): Promise<GuardedAws> {
  const guarded = await guardAws(target.aws.endpoints, statements);
  closers.push(guarded.close);
  return guarded;
}

async function makePerson(arn: string, ...policies: string[]): Promise<Person> {
  const statements = policiesOf(...policies);
  const { environment } = await guard(statements);
  const accessKeyId = `AKIA${randomUUID().replaceAll('-', '').toUpperCase().slice(0, 16)}`;
  const secretAccessKey = randomUUID();
  const credentials = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  return {
    ...{ arn, statements, accessKeyId, secretAccessKey },
    environment: { PATH: process.env.PATH, NODE_NO_WARNINGS: '1', ...environment, ...credentials },
  };
}

async function serve(
  name: 'operate' | 'approve' | 'emergency-stop',
  compose: (overrides: object) => OperatorComposition,
): Promise<void> {
  const { environment } = await guard(roles.get(`${name}/Role`)!);
  vi.stubEnv('AWS_ENDPOINT_URL_SNS', environment.AWS_ENDPOINT_URL_SNS);
  const endpoints = {
    dynamodb: environment.AWS_ENDPOINT_URL_DYNAMODB,
    s3: environment.AWS_ENDPOINT_URL_S3,
    ssm: environment.AWS_ENDPOINT_URL_SSM,
    accessKeyId: target.aws.endpoints.accessKeyId,
  };
  const composition = compose({ endpoints });
  const served = await serveFunctionUrl(
    { functionName: `qt-${STAGE}-${name}`, handler: createOperatorHandler(composition) },
    { principals: Object.values(people), client: target.clients.ssm },
  );
  closers.push(served.close, composition.close);
  urls[name] = served.url;
  await putParameter(functionUrlParameter(STAGE, name), served.url);
}

const putParameter = (Name: string, Value: string, Type: 'String' | 'SecureString' = 'String') =>
  target.clients.ssm.send(new PutParameterCommand({ Name, Value, Type, Overwrite: true }));

beforeEach(async () => {
  closers = [];
  target = await openEmbedded();
  vi.stubEnv('AWS_REGION', REGION);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'functions');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'functions');
  vi.stubEnv('POWERTOOLS_DEV', 'false');
  const bucket = `qt-${STAGE}-${ACCOUNT}-${REGION}`;
  await ensureLocalResources(target.clients, { bucket, stage: STAGE, ...names });
  const context = { clients: target.clients, clock: { nowMs: Date.now } };
  risk = openRiskStore(context, names);
  signals = openSignalStore(context, { stage: STAGE, ...names });
  people = {
    ann: await makePerson(sessionOf('Desk', 'ann@example.com'), 'operator', 'approver'),
    annElsewhere: await makePerson(sessionOf('Approvers', 'Ann@example.com'), 'approver'),
    bob: await makePerson(userOf('bob'), 'approver'),
    carl: await makePerson(userOf('carl'), 'operator'),
    erin: await makePerson(userOf('erin'), 'emergency'),
    rita: await makePerson(userOf('rita'), 'reader'),
    nobody: await makePerson(sessionOf('Desk', 'botocore-session-1732800000'), 'operator', 'approver'),
    foreign: await makePerson(sessionOf('Desk', 'bob', '999999999999'), 'operator', 'approver'),
    machine: await makePerson(`arn:aws:iam::${ACCOUNT}:root`, 'operator', 'approver'),
  };
  const settings = {
    ...{ stage: STAGE, exchange: 'binanceusdm' as const, exchangeUrl: undefined, bucket, shards: 1 },
    ...{ signalsTable: names.signalsTable, riskTable: names.riskTable, account: ACCOUNT },
    notify: { topicArn: `arn:aws:sns:${REGION}:${ACCOUNT}:qt-${STAGE}-alarms` },
  } as const;
  await serve('operate', (overrides) => composeOperate(settings, overrides));
  await serve('approve', (overrides) => composeApprove(settings, overrides));
  await serve('emergency-stop', (overrides) => composeEmergencyStop(settings, overrides));
  await putParameter(names.exchangeParameter, 'binanceusdm');
  for (const name of Object.values(credentialParameters(STAGE)))
    await putParameter(name, 'k', 'SecureString');
}, 60_000);
afterEach(async () => {
  for (const close of closers) await close();
  vi.unstubAllEnvs();
  await target.close();
});

function qtrader(person: string, ...args: readonly string[]): Promise<QtOutcome> {
  const env = people[person]!.environment;
  return new Promise((done) => {
    execFile(process.execPath, [QT, ...args, '--stage', STAGE], { env }, (error, stdout, stderr) =>
      done({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

/** A breaker that was tripped an hour ago, and whose causes are gone. */
async function tripped(): Promise<void> {
  const dependencies = {
    ...{ risk, signals, flags: flags(), notifier: { notify: async () => {} } },
    ...{ codeVersion: 'v1', shards: 1, limits: BREAKER_LIMITS, clock: { nowMs: () => Date.now() - HOUR_MS } },
  };
  await tripBreaker(dependencies, { scope: SCOPE, operator: unproven('a test'), reason: 'a test' });
  await beHealthy({ risk, signals }, { scope: SCOPE, nowMs: Date.now() });
}

describe('a reset on AWS', { timeout: 120_000 }, () => {
  it('takes two people, whatever roles and names one of them brings', async () => {
    await tripped();
    const request = ['breaker', 'reset', '--reason', 'the cause is gone'];
    // Two names with one set of credentials.
    expect(await qtrader('ann', ...request, '--by', 'bob')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^error: --by .* credentials say who you are\n$/),
    });
    expect(await qtrader('ann', ...request)).toMatchObject({ exitCode: 0 });
    const ann: Actor = { name: 'ann@example.com', proven: true, via: people.ann!.arn };
    expect(await breakerOf()).toMatchObject({ latch: 'TRIPPED', resetRequest: { operator: ann } });

    await beHealthy({ risk, signals }, { scope: SCOPE, nowMs: Date.now() });
    const approve = ['breaker', 'reset', '--approve'];
    // The same person, and the same person in another role.
    for (const same of ['ann', 'annElsewhere'])
      expect(await qtrader(same, ...approve)).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/^error: same_operator: /),
      });
    // Without the approver's policy, AWS lets nobody in.
    for (const other of ['carl', 'erin', 'rita'])
      expect(await qtrader(other, ...approve)).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/not authorized|AccessDenied/),
      });
    expect(await breakerOf()).toMatchObject({ latch: 'TRIPPED' });

    expect(await qtrader('bob', ...approve)).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^paper: ARMED, epoch 3\n/),
    });
    const by = { name: 'ann@example.com and bob', proven: true };
    expect(await trail()).toContainEqual(expect.objectContaining({ what: 'reset', by }));
  });

  it('is not asked for by whoever names no person, is of another account, or may only read', async () => {
    await tripped();
    const request = ['breaker', 'reset', '--reason', 'a test'];
    const refusals: [string, RegExp][] = [
      ['nobody', /names no person/],
      ['foreign', /of another account/],
      ['machine', /neither a user nor the session of a role/],
      ['bob', /AccessDenied/],
      ['rita', /AccessDenied/],
    ];
    for (const [person, why] of refusals)
      expect([person, await qtrader(person, ...request)]).toMatchObject([
        person,
        { exitCode: 1, stderr: expect.stringMatching(why) },
      ]);
    expect(await breakerOf()).toMatchObject({ resetRequest: null });
  });
});

describe('a call', { timeout: 120_000 }, () => {
  const callOf = (act: object, more: object = {}) =>
    JSON.stringify({ id: randomUUID(), atMs: Date.now(), act, ...more });
  const send = async (person: string, name: string, body: string) => {
    const { accessKeyId, secretAccessKey } = people[person]!;
    const clients = createClients({ ...target.aws.endpoints, accessKeyId });
    const client = Object.assign(clients.ssm, {});
    client.config.region = async () => REGION;
    client.config.credentials = async () => ({ accessKeyId, secretAccessKey });
    const reply = await callFunctionUrl({ client, url: urls[name]!, body, timeoutMs: 30_000 });
    clients.close();
    return { status: reply.status, said: JSON.parse(reply.body) };
  };
  const transfer = { act: 'declare_transfer', scope: 'live', amountMicroUsdt: 1_000_000, reason: 'capital' };
  const declared = async () => allValues(await riskRecords(risk).audit.all('live', 'operator#'));

  it('is carried out once, in the name of whoever signed it', async () => {
    const body = callOf(transfer);
    expect(await send('carl', 'operate', body)).toMatchObject({
      status: 200,
      said: { by: { name: 'carl', proven: true, via: userOf('carl') } },
    });
    expect(await send('carl', 'operate', body)).toMatchObject({
      status: 409,
      said: { refused: expect.stringMatching(/carried out before/) },
    });
    expect(await send('ann', 'operate', body)).toMatchObject({ status: 409 });
    expect(await declared()).toMatchObject([
      { what: 'transfer_declared', by: { name: 'carl', proven: true } },
    ]);
  });

  it('is refused when it is old, forged, or for another function', async () => {
    const old = callOf(transfer, { atMs: Date.now() - 301_000 });
    expect(await send('carl', 'operate', old)).toMatchObject({ status: 403 });
    const forged = callOf(transfer, { userArn: userOf('bob'), by: { name: 'bob', proven: true } });
    expect(await send('carl', 'operate', forged)).toMatchObject({ status: 400 });
    // A second signature may not come by the operators' door.
    expect(await send('ann', 'operate', callOf({ act: 'approve_reset', scope: SCOPE }))).toMatchObject({
      status: 400,
    });
    const secret = { ...people.bob!, accessKeyId: people.bob!.accessKeyId, secretAccessKey: 'not his' };
    people.thief = secret;
    expect(await send('thief', 'approve', callOf({ act: 'approve_reset', scope: SCOPE }))).toMatchObject({
      status: 403,
    });
    expect(await declared()).toEqual([]);
  });

  it('is no event that somebody wrote himself and gave to the function directly', () => {
    const direct = { action: 'lambda:InvokeFunction', context: {} };
    for (const [name, { statements }] of Object.entries(people))
      for (const called of ['operate', 'approve', 'emergency-stop']) {
        const resource = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:qt-${STAGE}-${called}`;
        expect([name, isAllowed(statements, { ...direct, resource })]).toEqual([name, false]);
      }
  });
});

describe('nobody', () => {
  it('writes the risk table, but for closing a latch; and nobody reads the keys', async () => {
    await tripped();
    const TableName = names.riskTable;
    const Key = { scope: SCOPE, sk: 'gate' };
    for (const name of ['ann', 'bob', 'carl', 'erin', 'rita']) {
      const { dynamodb, ssm } = await clientsOf(name);
      const refusedWrites = [
        new PutCommand({ TableName, Item: { scope: SCOPE, sk: 'audit#x' } }),
        new UpdateCommand({
          ...{ TableName, Key, UpdateExpression: 'SET #b.#r = :r' },
          ExpressionAttributeNames: { '#b': 'breaker', '#r': 'resetRequest' },
          ExpressionAttributeValues: { ':r': null },
        }),
        new UpdateCommand({
          ...{ TableName, Key, UpdateExpression: 'SET latch = :t', ReturnValues: 'ALL_NEW' },
          ExpressionAttributeValues: { ':t': 'TRIPPED' },
        }),
      ];
      for (const command of refusedWrites)
        await expect(dynamodb.send(command as UpdateCommand)).rejects.toThrow(/AccessDenied|UnknownError/);
      for (const Name of Object.values(credentialParameters(STAGE)))
        for (const WithDecryption of [true, false])
          await expect(ssm.send(new GetParameterCommand({ Name, WithDecryption }))).rejects.toThrow();
    }
    // Whoever may close the latch opens nothing by it: the breaker's own state stands.
    const { dynamodb } = await clientsOf('erin');
    await dynamodb.send(
      new UpdateCommand({
        ...{ TableName, Key, UpdateExpression: 'SET latch = :a' },
        ExpressionAttributeValues: { ':a': 'ARMED' },
      }),
    );
    const opened = (await risk.readGate(SCOPE))!;
    expect([opened.latch, opened.breaker.latch]).toEqual(['ARMED', 'TRIPPED']);
    const plan = planAuthorisation(
      {
        scope: SCOPE,
        clientOrderId: 'qt-1',
        symbol: 'BTCUSDT',
        side: 'BUY',
        notionalMicroUsdt: 1,
        betaMicroUsdt: 1,
      },
      {
        ...{ mode: 'PAPER', flagsReadAtMs: Date.now(), epoch: opened.epoch, codeVersion: 'v1', forget: [] },
        ...{
          limits: { exposureMicroUsdt: 10, sideMicroUsdt: 10, netBetaMicroUsdt: 10, positions: 1 },
          nowMs: Date.now(),
        },
      },
    );
    expect(plan.ok && (await risk.commit(SCOPE, plan.value))).toEqual({ ok: false, error: 'latch_tripped' });
  });

  async function clientsOf(name: string) {
    const { environment } = people[name]!;
    const clients = createClients({
      dynamodb: environment.AWS_ENDPOINT_URL_DYNAMODB!,
      s3: environment.AWS_ENDPOINT_URL_S3!,
      ssm: environment.AWS_ENDPOINT_URL_SSM!,
      accessKeyId: people[name]!.accessKeyId,
    });
    closers.push(async () => clients.close());
    return clients;
  }
});

describe('the emergency stop', { timeout: 120_000 }, () => {
  it('stops everything for whoever has the emergency policy, and for no other', async () => {
    await tripped();
    expect(await qtrader('rita', 'emergency-stop', '--reason', 'a test')).toMatchObject({ exitCode: 1 });
    expect(await flagOf('EMERGENCY_MODE')).not.toEqual({ kind: 'text', text: 'true' });
    const stopped = await qtrader('erin', 'emergency-stop', '--reason', 'a test', '--keep-positions');
    expect(stopped.stdout).toMatch(/^stopped by erin\n/);
    expect(await flagOf('EMERGENCY_MODE')).toEqual({ kind: 'text', text: 'true' });
    const by = { name: 'erin', proven: true, via: userOf('erin') };
    expect(await trail()).toContainEqual(expect.objectContaining({ what: 'emergency_stop', by }));
  });

  it('closes flags and latch when the function is broken, and says what it could not do', async () => {
    await beHealthy({ risk, signals }, { scope: SCOPE, nowMs: Date.now() });
    await risk.createGate(SCOPE, newGate(firstArmed(Date.now())));
    await putParameter(functionUrlParameter(STAGE, 'emergency-stop'), 'http://127.0.0.1:9/');
    const stopped = await qtrader('erin', 'emergency-stop', '--reason', 'a test');
    expect(stopped).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/the emergency-stop function did not act: .*orders and positions/),
    });
    for (const [name, text] of Object.entries({ ...CLOSED_FLAGS, EMERGENCY_MODE: 'true' }))
      expect([name, await flagOf(name)]).toEqual([name, { kind: 'text', text }]);
    expect(await risk.readGate(SCOPE)).toMatchObject({ latch: 'TRIPPED' });
  });

  it('leaves a trip that is not latched yet in its flag when the function is broken', async () => {
    await putParameter(functionUrlParameter(STAGE, 'emergency-stop'), 'http://127.0.0.1:9/');
    const carrying = 'true live 7 drawdown';
    await flags().write('CIRCUIT_BREAKER_TRIGGERED', carrying);
    await qtrader('erin', 'emergency-stop', '--reason', 'a test');
    expect(await flagOf('CIRCUIT_BREAKER_TRIGGERED')).toEqual({ kind: 'text', text: carrying });
    expect(await flagOf('EMERGENCY_MODE')).toEqual({ kind: 'text', text: 'true' });
  });
});
