// What the templates do in the course of a stage's life: a first deploy that fails, another number of shards, a stack that was
// destroyed, a second region. CloudFormation's own rules, applied to what would be deployed.
import { rm } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FUNCTION_NAMES } from '../../infra/catalog/functions.ts';
import {
  ACCOUNT,
  REGION,
  type Resource,
  type SynthesisedStage,
  synthesise,
} from '../support/infra/synthesised-stage.ts';

const OTHER_REGION = 'ap-northeast-1';
const UNIVERSE = { asOf: '2026-01-31', symbols: ['BTCUSDT', 'ETHUSDT'] };
const at = (region: string, shards = 1) =>
  synthesise({
    settings: { shards, universe: UNIVERSE, region, network: {} },
    bundle: false,
    deploying: { account: ACCOUNT, region },
  });

let stage: SynthesisedStage;
let resharded: SynthesisedStage;
let elsewhere: SynthesisedStage;
beforeAll(async () => {
  stage = await at(REGION);
  resharded = await at(REGION, 4);
  elsewhere = await at(OTHER_REGION);
}, 240_000);
afterAll(async () => {
  for (const { folder } of [stage, resharded, elsewhere]) await rm(folder, { recursive: true });
});

/** Property that CloudFormation imports a resource by; a value with a function in it is not imported. */
const IDENTIFIER: Readonly<Record<string, string>> = {
  'AWS::DynamoDB::Table': 'TableName',
  'AWS::S3::Bucket': 'BucketName',
  'AWS::Logs::LogGroup': 'LogGroupName',
};
const isKept = ({ raw }: Resource) => /^Retain/.test(raw.DeletionPolicy ?? '');
const data = () => stage.resources.filter(({ stack }) => stack === 'qt-dev-data');
/** What has to be there before it, by references and DependsOn, all the way. */
function predecessorsOf(resource: Resource, known = new Set<string>()): Set<string> {
  const inStack = stage.resources.filter(({ stack }) => stack === resource.stack);
  const text = JSON.stringify(resource.raw.Properties ?? {});
  for (const other of inStack) {
    const isNamed =
      [resource.raw.DependsOn ?? []].flat().includes(other.id) ||
      text.includes(`"Ref":"${other.id}"`) ||
      text.includes(`"Fn::GetAtt":["${other.id}"`);
    if (!isNamed || other.id === resource.id || known.has(other.id)) continue;
    known.add(other.id);
    predecessorsOf(other, known);
  }
  return known;
}

describe('a first deploy that fails', () => {
  it('takes everything with it: nothing that is kept later is kept when its creation is rolled back', () => {
    const kept = stage.resources.filter(isKept);
    expect(kept.length).toBeGreaterThan(FUNCTION_NAMES.length + 3);
    for (const { raw, path } of kept)
      expect([path, raw.DeletionPolicy]).toEqual([path, 'RetainExceptOnCreate']);
  });

  it('finds the bucket empty and no table protected, until all that may fail is there', () => {
    const once = data().find(({ type }) => type === 'Custom::CreateOnce')!;
    const tables = data().filter(({ type }) => type === 'AWS::DynamoDB::Table');
    expect(tables).toHaveLength(2);
    const others = data().filter((each) => each !== once && !tables.includes(each));
    expect([...predecessorsOf(once)].sort()).toEqual(
      // Its log is named by nothing but its function.
      others.map(({ id }) => id).sort(),
    );
    for (const table of tables)
      expect([...predecessorsOf(table)]).toEqual(expect.arrayContaining([once.id, ...predecessorsOf(once)]));
  });
});

describe('a stack that was destroyed', () => {
  it('is deployed again over what it left: all of that is imported by a name without a function', () => {
    const kept = stage.resources.filter(isKept).filter(({ type }) => type !== 'AWS::EC2::EIP');
    for (const { type, raw, path } of kept) {
      const name = raw.Properties[IDENTIFIER[type] ?? `no identifier of ${type}`];
      expect([path, typeof name]).toEqual([path, 'string']);
      expect(name).not.toMatch(/\$\{|Token\[/);
    }
    expect(new Set(kept.map(({ type }) => type))).toEqual(new Set(Object.keys(IDENTIFIER)));
  });

  it('leaves the address of the exchange’s allow-list, which the next one is told by its setting', async () => {
    expect(stage.ofType('AWS::EC2::EIP').filter(isKept)).toHaveLength(1);
    const again = await synthesise({
      settings: { network: { addressAllocationId: 'eipalloc-0123456789abcdef0' } },
      bundle: false,
    });
    await rm(again.folder, { recursive: true });
    expect(again.ofType('AWS::EC2::EIP')).toEqual([]);
  });
});

it('another number of shards replaces schedules, and changes nothing that holds data or takes part in an import', () => {
  const before = new Map(stage.resources.map((each) => [`${each.stack}/${each.id}`, each]));
  const after = new Map(resharded.resources.map((each) => [`${each.stack}/${each.id}`, each]));
  const keys = [...new Set([...before.keys(), ...after.keys()])];
  const changed = keys.filter((key) => !isDeepStrictEqual(before.get(key)?.raw, after.get(key)?.raw));
  const types = new Set(changed.map((key) => (before.get(key) ?? after.get(key))!.type));
  expect([...types].filter((type) => type in IDENTIFIER)).toEqual([]);
  const gone = changed.filter((key) => !after.has(key)).map((key) => before.get(key)!.type);
  expect(new Set(gone)).toEqual(new Set(['AWS::Scheduler::Schedule']));
  expect(after.has([...before.keys()].find((key) => before.get(key)!.type === 'Custom::CreateOnce')!)).toBe(
    true,
  );
});

it('a second region shares no name with the first where AWS has one namespace for both', () => {
  const GLOBAL: Readonly<Record<string, string>> = {
    'AWS::IAM::ManagedPolicy': 'ManagedPolicyName',
    'AWS::IAM::Role': 'RoleName',
    'AWS::IAM::Policy': 'unique within its role',
    'AWS::IAM::User': 'UserName',
    'AWS::IAM::Group': 'GroupName',
    'AWS::IAM::InstanceProfile': 'InstanceProfileName',
    'AWS::CloudWatch::Dashboard': 'DashboardName',
    'AWS::S3::Bucket': 'BucketName',
    'AWS::CloudFront::Distribution': 'none',
    'AWS::Route53::HostedZone': 'Name',
  };
  const textOf = (value: unknown, region: string) =>
    JSON.stringify(value)?.replaceAll('{"Ref":"AWS::Region"}', JSON.stringify(region));
  const namesIn = (from: SynthesisedStage, region: string) =>
    from.resources.flatMap(({ type, raw }) => textOf(raw.Properties?.[GLOBAL[type] ?? ''], region) ?? []);
  const here = namesIn(stage, REGION);
  const there = namesIn(elsewhere, OTHER_REGION);
  expect(here.length).toBeGreaterThanOrEqual(3);
  expect(there).toHaveLength(here.length);
  expect(here.filter((name) => there.includes(name))).toEqual([]);
  // Roles and the policies within them have no name of ours: CloudFormation makes them unique.
  expect(stage.ofType('AWS::IAM::Role').filter(({ raw }) => 'RoleName' in raw.Properties)).toEqual([]);
});
