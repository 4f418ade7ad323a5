// A stage as `cdk synth` makes it, with every reference of its templates replaced by what it stands for in one account.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { App } from 'aws-cdk-lib';
import { readStageSettings } from '../../../infra/catalog/stage-settings.ts';
import { createStage, type DeployTarget } from '../../../infra/create-stage.ts';

export const ACCOUNT = '123456789012';
export const REGION = 'eu-central-1';
/** Of the retraining; their digests are made up. */
export const BASE_IMAGES = {
  nodeImage: `node:24.11.1-bookworm-slim@sha256:${'a1'.repeat(32)}`,
  pythonImage: `python:3.11.14-slim-bookworm@sha256:${'b2'.repeat(32)}`,
};
const PSEUDO: Readonly<Record<string, string>> = {
  'AWS::AccountId': ACCOUNT,
  'AWS::Region': REGION,
  'AWS::Partition': 'aws',
  'AWS::URLSuffix': 'amazonaws.com',
};

// biome-ignore lint/suspicious/noExplicitAny: templates are JSON of any shape, and tests look at single places of them.
export type Json = any;

export interface Resource {
  readonly id: string;
  /** Names of the constructs, without the stack's. */
  readonly path: string;
  readonly stack: string;
  readonly type: string;
  readonly properties: Json;
  readonly raw: Json;
}

export interface SynthesisedStage {
  readonly folder: string;
  readonly resources: readonly Resource[];
  ofType(type: string): readonly Resource[];
}

/**
 * Rejects when cdk-nag finds what nobody acknowledged.
 * @param options.bundle false leaves the functions' code out, which the templates do not depend on
 * @param options.change what else the app holds
 */
export async function synthesise(options: {
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly bundle: boolean;
  readonly change?: (app: App) => void;
  /** As `cdk` finds it with credentials. @default not known, as offline */
  readonly deploying?: DeployTarget;
}): Promise<SynthesisedStage> {
  const folder = await mkdtemp(`${tmpdir()}/qt-cdk-`);
  const context: Record<string, unknown> = {
    stage: 'dev',
    stages: { dev: { exchange: 'binanceusdm', shards: 1, ...options.settings } },
  };
  const app = new App({
    outdir: folder,
    context: {
      'aws:cdk:enable-path-metadata': true,
      'aws:cdk:enable-asset-metadata': true,
      ...(!options.bundle && { 'aws:cdk:bundling-stacks': [] }),
    },
  });
  createStage(
    app,
    readStageSettings((key) => context[key]),
    options.deploying,
  );
  options.change?.(app);
  const { stacks } = await attempt(
    () => app.synth(),
    () => rm(folder, { recursive: true }),
  );
  const resources = stacks.flatMap(({ stackName, template }) => resourcesOf(stackName, template));
  return {
    folder,
    resources,
    ofType: (type) => resources.filter((resource) => resource.type === type),
  };
}

async function attempt<T>(act: () => T, cleanUp: () => Promise<void>): Promise<T> {
  try {
    return act();
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

function resourcesOf(stack: string, template: Json): Resource[] {
  return Object.entries<Json>(template.Resources).map(([id, raw]) => ({
    id,
    path: String(raw.Metadata?.['aws:cdk:path'] ?? id)
      .replace(`${stack}/`, '')
      .replace(/\/Resource$/, ''),
    stack,
    type: raw.Type,
    properties: resolve(raw.Properties, template),
    raw,
  }));
}

function resolve(value: Json, template: Json): Json {
  if (Array.isArray(value)) return value.map((each) => resolve(each, template));
  if (typeof value !== 'object' || value === null) return value;
  if ('Ref' in value) return PSEUDO[value.Ref] ?? nameOf(value.Ref, template);
  if ('Fn::Join' in value) return resolve(value['Fn::Join'][1], template).join(value['Fn::Join'][0]);
  if ('Fn::GetAtt' in value) {
    const [id, attribute] = value['Fn::GetAtt'];
    return attribute === 'Arn' ? arnOf(id, template) : `${id}.${attribute}`;
  }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, resolve(each, template)]));
}

const NAME_PROPERTY: Readonly<Record<string, string>> = {
  'AWS::S3::Bucket': 'BucketName',
  'AWS::SNS::Topic': 'TopicName',
  'AWS::SQS::Queue': 'QueueName',
  'AWS::Lambda::Function': 'FunctionName',
  'AWS::Logs::LogGroup': 'LogGroupName',
};

function nameOf(id: string, template: Json): string {
  const { Type: type, Properties: properties = {} } = template.Resources[id] ?? {};
  const name = properties[NAME_PROPERTY[type] ?? ''];
  if (type === 'AWS::SNS::Topic') return `arn:aws:sns:${REGION}:${ACCOUNT}:${name}`;
  return name === undefined ? id : resolve(name, template);
}

function arnOf(id: string, template: Json): string {
  const type: string = template.Resources[id].Type;
  const name = nameOf(id, template);
  const at = (service: string, rest: string) => `arn:aws:${service}:${REGION}:${ACCOUNT}:${rest}`;
  switch (type) {
    case 'AWS::S3::Bucket':
      return `arn:aws:s3:::${name}`;
    case 'AWS::SQS::Queue':
      return at('sqs', name);
    case 'AWS::Lambda::Function':
      return at('lambda', `function:${name}`);
    case 'AWS::Logs::LogGroup':
      return at('logs', `log-group:${name}:*`);
    default:
      return `arn of ${id}`;
  }
}

export interface Statement {
  readonly effect: 'Allow' | 'Deny';
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly condition: Json;
}

const list = (value: Json): string[] => (value === undefined ? [] : [value].flat());

/** What each role, and the operator's policy, may do; roles by the path of their construct. */
export function permissionsByRole({
  resources,
}: SynthesisedStage): ReadonlyMap<string, readonly Statement[]> {
  const roles = new Map<string, Statement[]>();
  const add = (role: string, document: Json) => {
    const statements = roles.get(role) ?? [];
    for (const { Effect, Action, Resource, Condition } of document?.Statement ?? [])
      statements.push({
        effect: Effect,
        actions: list(Action),
        resources: list(Resource),
        condition: Condition,
      });
    roles.set(role, statements);
  };
  for (const { type, path, properties, stack } of resources) {
    if (type === 'AWS::IAM::Role') {
      add(path, undefined);
      for (const policy of properties.Policies ?? []) add(path, policy.PolicyDocument);
      if (list(properties.ManagedPolicyArns).length > 0)
        add(path, { Statement: [{ Effect: 'Allow', Action: properties.ManagedPolicyArns, Resource: '*' }] });
    }
    if (type === 'AWS::IAM::ManagedPolicy') add(path, properties.PolicyDocument);
    if (type === 'AWS::IAM::Policy')
      for (const id of list(properties.Roles)) {
        const role = resources.find((each) => each.stack === stack && each.id === id)!;
        add(role.path, properties.PolicyDocument);
      }
  }
  return roles;
}
