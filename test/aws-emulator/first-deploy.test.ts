// What a deploy leaves when it fails, and what two regions of one account have in common: the data stack of the synthesised templates,
// on the emulator.
import { rm } from 'node:fs/promises';
import { S3Client } from '@aws-sdk/client-s3';
import { SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createMissing, missingSchema } from '../../infra/create-once/create-missing.ts';
import { type EmulatedAws, startEmulatedAws } from '../support/emulated-aws.ts';
import { type CustomProvider, EmulatedStacks } from '../support/infra/created-resources.ts';
import { ACCOUNT, REGION, type SynthesisedStage, synthesise } from '../support/infra/synthesised-stage.ts';

const STACK = 'qt-dev-data';
const OTHER_REGION = 'ap-northeast-1';

let aws: EmulatedAws;
let stage: SynthesisedStage;
let other: SynthesisedStage;
beforeAll(async () => {
  aws = await startEmulatedAws();
  stage = await synthesise({ bundle: false, deploying: { account: ACCOUNT, region: REGION } });
  other = await synthesise({
    settings: { region: OTHER_REGION },
    bundle: false,
    deploying: { account: ACCOUNT, region: REGION },
  });
});
afterAll(async () => {
  await aws.close();
  for (const { folder } of [stage, other]) await rm(folder, { recursive: true });
});
beforeEach(() => aws.reset());

function stacksIn(region: string): EmulatedStacks {
  const { url: endpoint, endpoints } = aws;
  const credentials = { accessKeyId: endpoints.accessKeyId, secretAccessKey: 'emulated' };
  const shared = { region, credentials, endpoint };
  const runCustom: CustomProvider = (_, properties) =>
    createMissing(missingSchema.parse(properties), {
      ssm: new SSMClient(shared),
      s3: new S3Client({ ...shared, forcePathStyle: true }),
      sleep: async () => {},
      remainingMs: () => 0,
      random: () => 0.5,
    });
  return new EmulatedStacks(aws, region, runCustom);
}

describe('a first deploy that fails', () => {
  it('at whatever resource, can be done again, with an import at worst', async () => {
    const ids = stage.resources.filter((each) => each.stack === STACK).map(({ id }) => id);
    expect(ids.length).toBeGreaterThan(10);
    const needImport: string[] = [];
    for (const failsAt of ids) {
      await aws.reset();
      const stacks = stacksIn(REGION);
      await expect(stacks.deploy({ stage, stack: STACK, failsAt })).rejects.toThrow();
      await stacks.deploy({ stage, stack: STACK }).catch(async (error: Error) => {
        needImport.push(`${failsAt}: ${error.message}`);
        await stacks.deploy({ stage, stack: STACK, importsExisting: true });
      });
    }
    // Tables are protected, so that the first of them stays when the second, the stack's last resource, fails.
    expect(needImport).toEqual([expect.stringMatching(/^Risk\w+: Signals\w+ already exists$/)]);
  });

  it('is told from one whose tables are there already: those are taken over only by an import', async () => {
    await stacksIn(REGION).deploy({ stage, stack: STACK });
    const anew = stacksIn(REGION);
    await expect(anew.deploy({ stage, stack: STACK })).rejects.toThrow('already exists');
  });

  it('names what the emulator was not asked to hold', async () => {
    const stacks = stacksIn(REGION);
    await stacks.deploy({ stage, stack: STACK });
    expect(Object.keys(stacks.leftOut).filter((type) => !/^AWS::(IAM|Lambda|Logs)::/.test(type))).toEqual([
      'AWS::S3::BucketPolicy',
      'AWS::SNS::TopicPolicy',
    ]);
  });
});

describe('a stage in two regions of one account', () => {
  it('exists twice, each with its own resources', async () => {
    await stacksIn(REGION).deploy({ stage, stack: STACK });
    await stacksIn(OTHER_REGION).deploy({ stage: other, stack: STACK });
  });

  it('has its region in every name that all regions share', async () => {
    const NAME_OF_GLOBAL: Readonly<Record<string, string>> = {
      'AWS::S3::Bucket': 'BucketName',
      'AWS::IAM::ManagedPolicy': 'ManagedPolicyName',
      'AWS::IAM::Role': 'RoleName',
      'AWS::IAM::Policy': 'RoleName',
      'AWS::CloudWatch::Dashboard': 'DashboardName',
    };
    const names = stage.resources.flatMap(({ type, properties }) => {
      const name: unknown = properties?.[NAME_OF_GLOBAL[type] ?? ''];
      return typeof name === 'string' ? [name] : [];
    });
    expect(names.length).toBeGreaterThanOrEqual(3);
    for (const name of names) expect(name).toContain(REGION);
  });
});
