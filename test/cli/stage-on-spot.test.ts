// A stage on spot market data, whose flags somebody tries to open: its commands take the exchange from the stage, and refuse each step
// towards live trading, while what closes always works.
import { PutParameterCommand } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createSsmFlagStore } from '../../lib/adapters/aws/ssm/ssm-flag-store.ts';
import type { OperatorAct } from '../../lib/api/operator/operator-acts.ts';
import { type ActDependencies, performAct } from '../../lib/api/operator/perform-act.ts';
import { systemActor } from '../../lib/core/actor.ts';
import { resourcesOfStage } from '../../lib/runtime/config/stage.ts';
import { liveRefusal } from '../../lib/runtime/config/venue.ts';
import { type EmbeddedTarget, openEmbedded } from '../support/aws-target.ts';
import { qtrader } from '../support/qtrader.ts';

const STAGE = 'spot';
const { bucketParameter, exchangeParameter } = resourcesOfStage(STAGE);
const REFUSAL =
  /^error: the market data are those of binance \(spot\).*USDT-M.*set its exchange to binanceusdm\n$/;

let target: EmbeddedTarget;
beforeAll(async () => {
  target = await openEmbedded();
  for (const [service, url] of Object.entries(target.aws.endpoints))
    if (service !== 'accessKeyId') vi.stubEnv(`AWS_ENDPOINT_URL_${service.toUpperCase()}`, url);
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', target.aws.endpoints.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local');
  const parameters = { [bucketParameter]: 'qt-spot', [exchangeParameter]: 'binance' };
  for (const [Name, Value] of Object.entries(parameters))
    await target.clients.ssm.send(new PutParameterCommand({ Name, Value, Type: 'String' }));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await target.close();
});

describe('the commands of a stage on spot', () => {
  it.each([
    [['flags', 'set', 'QT_PAPER_TRADING', 'false']],
    [['flags', 'set', 'QT_ENABLE_EXECUTION', 'true']],
  ])('refuse qtrader %s, and say what to do', async (command) => {
    const { exitCode, stderr } = await qtrader(...command, '--stage', STAGE);
    expect(stderr).toMatch(REFUSAL);
    expect(exitCode).toBe(1);
  });

  it.each<OperatorAct>([{ act: 'advance' }, { act: 'sign_off', role: 'technical_lead' }])(
    'raise no level: the function that acts refuses $act',
    async (act) => {
      // It decides before it reads anything.
      const dependencies = {
        clock: { nowMs: Date.now },
        venueRefusal: liveRefusal('binance'),
      } as ActDependencies;
      const answer = await performAct(dependencies, act, systemActor('ann'));
      expect(answer).toMatchObject({ done: [], failures: [] });
      expect(`error: ${answer.refused}\n`).toMatch(REFUSAL);
    },
  );

  it('close, and trade on paper', async () => {
    for (const [flag, value] of [
      ['QT_PAPER_TRADING', 'true'],
      ['QT_ENABLE_EXECUTION', 'false'],
      ['QT_ENABLE_AI_TRADING', 'true'],
    ] as const)
      expect(await qtrader('flags', 'set', flag, value, '--stage', STAGE)).toMatchObject({ exitCode: 0 });
    const flags = createSsmFlagStore({ client: target.clients.ssm, stage: STAGE });
    expect(await flags.read(['QT_PAPER_TRADING'])).toEqual(
      new Map([['QT_PAPER_TRADING', { kind: 'text', text: 'true' }]]),
    );
  });

  it('collect candles of its own exchange, and of no other', async () => {
    const other = await qtrader('collect', '--stage', STAGE, '--exchange', 'binanceusdm');
    expect(other.stderr).toBe('error: stage spot follows binance: leave --exchange out, or give --out DIR\n');
    expect(other.exitCode).toBe(2);
  });
});
