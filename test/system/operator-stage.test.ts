// What a command takes from a stage on AWS: settings that a deploy left in Parameter Store, or nothing at all.
import { PutParameterCommand } from '@aws-sdk/client-ssm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StoreError } from '../../lib/core/store-error.ts';
import { type OperatorSystem, openAwsStage } from '../../lib/runtime/compose/operator.ts';
import { resourcesOfStage } from '../../lib/runtime/config/stage.ts';
import { type EmbeddedTarget, openEmbedded } from '../support/aws-target.ts';

const STAGE = 'staging';
const { shardsParameter, symbolsParameter, exchangeParameter } = resourcesOfStage(STAGE);

let target: EmbeddedTarget;
let system: OperatorSystem;
beforeEach(async () => {
  target = await openEmbedded();
  vi.stubEnv('AWS_ENDPOINT_URL_SSM', target.aws.endpoints.ssm);
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', target.aws.endpoints.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local');
  system = await openAwsStage(STAGE, { checked: false });
});
afterEach(async () => {
  await system.close();
  vi.unstubAllEnvs();
  await target.close();
});

const put = (Name: string, Value: string) =>
  target.clients.ssm.send(new PutParameterCommand({ Name, Value, Type: 'String' }));

describe('the settings of a stage', () => {
  it('are what the deploy left', async () => {
    await put(shardsParameter, '10');
    await put(symbolsParameter, '1000');
    await put(exchangeParameter, 'binance');
    expect(await system.readShards()).toBe(10);
    expect(await system.readUniverseSize()).toBe(1_000);
    await expect(system.openMarket()).resolves.toBeDefined();
  });

  // Of NaN or 0 shards no run is missing and none is stale: a reset of the breaker would have nothing against it.
  it.each(['', 'ten', 'NaN', '0', '-1', '1.5', 'Infinity'])('are refused when they say %j', async (text) => {
    if (text !== '') for (const name of [shardsParameter, symbolsParameter]) await put(name, text);
    await put(exchangeParameter, text === '' ? 'coinbase' : text);
    for (const read of [system.readShards, system.readUniverseSize, system.openMarket])
      await expect(read()).rejects.toThrow(StoreError);
  });
});
