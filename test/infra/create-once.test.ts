// What a deploy creates once, on a day on which AWS refuses, throttles and fails in between.
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createMissing, missingSchema } from '../../infra/create-once/create-missing.ts';
import { ensureLocalResources } from '../../lib/adapters/aws/resources.ts';
import { createSsmFlagStore } from '../../lib/adapters/aws/ssm/ssm-flag-store.ts';
import type { FlagReading } from '../../lib/risk/flags.ts';
import { type EmbeddedTarget, openEmbedded } from '../support/aws-target.ts';

const BUCKET = 'qt-dev-objects';
const FLAG = {
  Name: '/qt/dev/flags/EMERGENCY_MODE',
  Value: 'false',
  AllowedPattern: '^(true|false)$',
  Description: 'x',
};
const OTHER = { ...FLAG, Name: '/qt/dev/flags/QT_PAPER_TRADING', Value: 'true' };
const UNIVERSE = { Bucket: BUCKET, Key: 'universe/current.json', Body: '{}' };
const MISSING = missingSchema.parse({ Flags: [FLAG, OTHER], Objects: [UNIVERSE] });

let target: EmbeddedTarget;
let pausedMs: number;
const context = (limitMs = 60_000) => ({
  ssm: target.clients.ssm,
  s3: target.clients.s3,
  sleep: async (durationMs: number) => {
    pausedMs += durationMs;
  },
  remainingMs: () => limitMs - pausedMs,
  random: () => 1,
});

beforeEach(async () => {
  target = await openEmbedded();
  pausedMs = 0;
  await ensureLocalResources(target.clients, {
    bucket: BUCKET,
    signalsTable: 'qt-local-signals',
    riskTable: 'qt-local-risk',
    stage: 'local',
  });
});
afterEach(() => target.close());

const readFlags = async (): Promise<FlagReading[]> => [
  ...(
    await createSsmFlagStore({ client: target.clients.ssm, stage: 'dev' }).read([
      'EMERGENCY_MODE',
      'QT_PAPER_TRADING',
    ])
  ).values(),
];
const readObject = async () => {
  const { Body } = await target.clients.s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: UNIVERSE.Key }));
  return Body!.transformToString();
};

it.each(['denied', 'throttle', 'error', 'reset', 'answer_lost'] as const)(
  'gets over a few times "%s" of either service',
  async (kind) => {
    const { ssm, s3 } = target.aws.faults;
    // The SDK itself tries twice and four times where it knows the error as passing.
    ssm.inject({ kind, operation: 'PutParameter', times: 5 });
    s3.inject({ kind, operation: 'PutObject', times: 9 });
    await createMissing(MISSING, context(120_000));
    expect(await readFlags()).toEqual([
      { kind: 'text', text: 'false' },
      { kind: 'text', text: 'true' },
    ]);
    expect(await readObject()).toBe('{}');
    if (kind !== 'answer_lost') expect(pausedMs).toBeGreaterThan(0);
  },
);

it('leaves what an operator has set since', async () => {
  await createMissing(MISSING, context());
  const flags = createSsmFlagStore({ client: target.clients.ssm, stage: 'dev' });
  await flags.write('EMERGENCY_MODE', 'true');
  await createMissing({ ...MISSING, Objects: [{ ...UNIVERSE, Body: '{"other":1}' }] }, context());
  expect((await readFlags())[0]).toEqual({ kind: 'text', text: 'true' });
  expect(await readObject()).toBe('{}');
  expect(pausedMs).toBe(0);
});

it('gives a refusal that stays up in time, and names what it could not create', async () => {
  target.aws.faults.ssm.inject({ kind: 'denied', operation: 'PutParameter', times: 1_000 });
  await expect(createMissing(MISSING, context())).rejects.toThrow(
    'creating /qt/dev/flags/EMERGENCY_MODE failed: AccessDeniedException: injected fault',
  );
  expect(pausedMs).toBeGreaterThan(40_000);
  expect(pausedMs).toBeLessThanOrEqual(60_000);
});

it('does not repeat what is wrong in itself', async () => {
  const malformed = { ...FLAG, Value: 'maybe' };
  await expect(createMissing({ Flags: [malformed], Objects: [] }, context())).rejects.toThrow(
    /EMERGENCY_MODE failed: ParameterPatternMismatch/,
  );
  expect(pausedMs).toBe(0);
});
