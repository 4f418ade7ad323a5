// Every write of every function is served, and its first answer is lost: the SDK writes again and is refused by its own success. Each
// function recognises that with the permissions of its role, or does less than it might have; none fails, and none is denied.
import { rm } from 'node:fs/promises';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureLocalResources } from '../../lib/adapters/aws/resources.ts';
import { encodeJson } from '../../lib/core/json.ts';
import { writeUniverse } from '../../lib/market/use-cases/active-universe.ts';
import { ensembleKey, SHADOW_KEY } from '../../lib/models/ensemble.ts';
import { readCurrentEnsemble } from '../../lib/models/use-cases/read-ensemble.ts';
import { countShadowBars } from '../../lib/models/use-cases/shadow-bars.ts';
import { keyOf } from '../../lib/risk/record-kind.ts';
import { POSITION_MANAGER } from '../../lib/risk/records.ts';
import { riskRecords } from '../../lib/risk/use-cases/risk-records.ts';
import { allValues } from '../../lib/risk/use-cases/typed-records.ts';
import { issueApiToken } from '../../lib/runtime/compose/api-tokens.ts';
import { openRiskStore } from '../../lib/runtime/compose/stores.ts';
import type { FunctionName } from '../../lib/runtime/config/function-settings.ts';
import { resourcesOfStage } from '../../lib/runtime/config/stage.ts';
import type { SimulatedExchange } from '../../local/exchange/simulated-exchange.ts';
import { type EmbeddedTarget, openEmbedded } from '../support/aws-target.ts';
import {
  BUCKET,
  fillBucket,
  market,
  objectsOf,
  startExchange,
  startMs,
} from '../support/infra/filled-stage.ts';
import { httpEvent, operatorEvent } from '../support/infra/http-event.ts';
import { installLambdaNode, runsLambdaNode } from '../support/infra/lambda-emulator.ts';
import { StageFunctions } from '../support/infra/stage-functions.ts';
import { ACCOUNT, type SynthesisedStage, synthesise } from '../support/infra/synthesised-stage.ts';

const SHADOW_ID = 'e20240801_000000';
const { signalsTable, riskTable } = resourcesOfStage('dev');

let stage: SynthesisedStage;
let target: EmbeddedTarget;
let exchange: SimulatedExchange;
let functions: StageFunctions;
let clockOffsetMs: number;

beforeAll(async () => {
  if (runsLambdaNode) installLambdaNode();
  stage = await synthesise({ settings: { symbols: 4 }, bundle: true });
  target = await openEmbedded();
  await ensureLocalResources(target.clients, { bucket: BUCKET, signalsTable, riskTable, stage: 'dev' });
  const objects = objectsOf(target);
  await fillBucket(objects);
  const champion = await readCurrentEnsemble(objects);
  if (!champion.ok) throw new Error('no ensemble');
  await objects.put(ensembleKey(SHADOW_ID), encodeJson({ ...champion.value.ensemble, id: SHADOW_ID }));
  await objects.put(SHADOW_KEY, encodeJson({ ensembleId: SHADOW_ID, audit: 'audit/none' }));
  const symbols = market.symbols.slice(0, 3);
  await writeUniverse(objects, { schemaVersion: 1, asOf: '2024-01-01', symbols });
  clockOffsetMs = startMs - Date.now();
  exchange = await startExchange(() => clockOffsetMs);
  const { endpoints } = target.aws;
  functions = new StageFunctions({
    ...{ stage, endpoints, clockOffsetMs, exchangeUrl: exchange.url },
    losesAnswers: true,
  });
}, 240_000);

afterAll(async () => {
  await functions.close();
  await exchange.close();
  await target.close();
  await rm(stage.folder, { recursive: true });
});

/** Kinds of writes of a function whose answers were lost so far. */
const lostBy = (name: FunctionName) =>
  [...new Set(functions.running.get(name)!.aws.lost.map((write) => write.split(' ')[0]))].sort();
const run = (name: FunctionName, event?: unknown) => functions.run(name, event);

describe.runIf(runsLambdaNode)('with every first answer to a write lost', () => {
  it('every function does what it does on a good day, by the permissions of its role', async () => {
    expect(await run('refresh-universe')).toMatchObject({ outcome: 'changed', symbols: 4 });
    expect(lostBy('refresh-universe')).toEqual(['s3:PutObject']);

    const decided = await run('infer', { shard: 0, shardCount: 1 });
    // Whoever wrote a signal, it is stored, and execute is told of it.
    expect(decided).toMatchObject({ written: 0, alreadyDecided: 4, symbols: expect.any(Array) });
    expect(await countShadowBars(objectsOf(target), SHADOW_ID)).toBe(1);
    expect(lostBy('infer')).toEqual(['dynamodb:PutItem', 's3:PutObject']);

    expect(await run('manage-positions')).toEqual({ scopes: [{ scope: 'paper', outcome: 'completed' }] });
    expect(await run('circuit-breaker')).toMatchObject({ scopes: [{ latch: 'ARMED', causes: [] }] });
    expect(await run('circuit-breaker')).toMatchObject({ scopes: [{ latch: 'ARMED', causes: [] }] });
    expect(await run('execute', decided)).toMatchObject({ mode: 'PAPER', decisions: 4, entered: 4 });
    expect(lostBy('execute')).toEqual(['dynamodb:PutItem', 'dynamodb:UpdateItem']);
    expect(await run('execute', decided)).toMatchObject({ entered: 0 });
    expect(await run('manage-positions')).toEqual({ scopes: [{ scope: 'paper', outcome: 'completed' }] });
    expect(lostBy('manage-positions')).toContain('dynamodb:PutItem');

    expect(await run('evaluate-rollout')).toMatchObject({ verdict: 'NO_GO', breaches: [], level: 'PAPER' });
    expect(lostBy('evaluate-rollout')).toEqual(['dynamodb:PutItem', 's3:PutObject']);
    expect(await run('collect-candles')).toMatchObject({ symbols: 4, complete: 4, postponed: 0 });
    expect(lostBy('collect-candles')).toEqual(['s3:PutObject']);

    await tellBreakerOfMalformedRecord();
    expect(await run('circuit-breaker')).toMatchObject({ scopes: [{ latch: 'TRIPPED' }] });
    expect(lostBy('circuit-breaker')).toEqual([
      'dynamodb:PutItem',
      'dynamodb:UpdateItem',
      'ssm:PutParameter',
    ]);
    expect(await run('notify')).toMatchObject({ receivers: [{ receiver: 'email' }], problems: [] });
    expect(lostBy('notify')).toEqual(['dynamodb:PutItem']);
  });

  it('what people ask for is done once, and its record says so', async () => {
    const act = (name: FunctionName, person: string, asked: object) =>
      run(name, operatorEvent(`arn:aws:iam::${ACCOUNT}:user/${person}`, asked, Date.now() + clockOffsetMs));
    const scope = 'paper';
    const transfer = {
      act: 'declare_transfer',
      scope: 'live',
      amountMicroUsdt: 1_000_000,
      reason: 'capital',
    };
    expect(await act('operate', 'ann', transfer)).toMatchObject({ statusCode: 200 });
    const reset = { act: 'request_reset', scope, reason: 'a test' };
    expect(await act('operate', 'ann', reset)).toMatchObject({ statusCode: 200 });
    expect(lostBy('operate')).toEqual(['dynamodb:PutItem', 'dynamodb:UpdateItem']);
    expect(await act('approve', 'ben', { act: 'sign_off', role: 'risk_manager' })).toMatchObject({
      statusCode: 200,
    });
    expect(lostBy('approve')).toContain('dynamodb:PutItem');
    const stop = { act: 'emergency_stop', reason: 'a test', keepPositions: true };
    expect(await act('emergency-stop', 'erin', stop)).toMatchObject({ statusCode: 200 });
    expect(lostBy('emergency-stop')).toContain('ssm:PutParameter');
    const token = 'a-token-of-the-right-length-0123456789abcdef';
    await issueApiToken('dev', { name: 'ada', role: 'operator', token }, target.aws.endpoints);
    const body = JSON.stringify({ reason: 'a test' });
    const call = httpEvent('POST', '/api/emergency/stop', { token, body });
    expect(await run('api', call)).toMatchObject({ statusCode: 200 });
    expect(lostBy('api')).toContain('dynamodb:PutItem');
    const risk = openRiskStore({ clients: target.clients, clock: { nowMs: Date.now } }, { riskTable });
    const declared = await allValues(await riskRecords(risk).audit.all('live', 'operator#'));
    expect(declared).toMatchObject([{ what: 'transfer_declared', by: { name: 'ann', proven: true } }]);
  });
});

async function tellBreakerOfMalformedRecord(): Promise<void> {
  const Item = { scope: 'paper', sk: keyOf(POSITION_MANAGER), revision: 1, value: 'malformed' };
  await target.clients.dynamodb.send(new PutCommand({ TableName: riskTable, Item }));
}
