// Everything that exists on AWS under the names of one stage, and the stacks that it belongs to. Reads alone.
import {
  CloudFormationClient,
  DescribeStacksCommand,
  paginateListStackResources,
} from '@aws-sdk/client-cloudformation';
import { CloudWatchLogsClient, paginateDescribeLogGroups } from '@aws-sdk/client-cloudwatch-logs';
import { DescribeTableCommand, ResourceNotFoundException } from '@aws-sdk/client-dynamodb';
import { IAMClient, paginateListPolicies } from '@aws-sdk/client-iam';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { paginateListTopics, SNSClient } from '@aws-sdk/client-sns';
import { paginateGetParametersByPath } from '@aws-sdk/client-ssm';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { SECOND_MS } from '../../core/units.ts';
import type { Part, Stack, StageInventory } from '../../diagnosis/inventory.ts';
import { createClients } from './create-clients.ts';
import { readAwsFailure, storeError } from './store-failure.ts';

const STACKS = [
  'data',
  'data-jobs',
  'network',
  'trading',
  'inference',
  'monitoring',
  'schedules',
  'retraining',
] as const;

const settings = {
  maxAttempts: 4,
  requestHandler: { connectionTimeout: 2_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
};

/** Names that are another stage's are left out: `qt-dev-2-risk` is not of stage `dev`. */
interface Sought {
  readonly stage: string;
  readonly functions: readonly string[];
}

/** Region and credentials are the environment's. Throws StoreError when the caller is not known. */
export async function readStageInventory(sought: Sought): Promise<StageInventory> {
  const { stage } = sought;
  const clients = createClients();
  const others = {
    sts: new STSClient(settings),
    cloudformation: new CloudFormationClient(settings),
    logs: new CloudWatchLogsClient(settings),
    sns: new SNSClient(settings),
    iam: new IAMClient(settings),
  };
  try {
    const region = await others.sts.config.region();
    const { account, clock } = await askCaller(others.sts);
    const unread: string[] = [];
    const tried = async <T>(what: string, read: () => Promise<T[]>): Promise<T[]> => {
      try {
        return await read();
      } catch (error) {
        unread.push(storeError(what, error).message);
        return [];
      }
    };
    const [stacks, ...parts] = await Promise.all([
      tried('reading the stacks', () => readStacks(others.cloudformation, stage)),
      tried('looking for the tables', () => findTables(clients, stage)),
      tried('looking for the bucket', () => findBucket(clients, `qt-${stage}-${account}-${region}`)),
      tried('listing parameters', () => findParameters(clients, stage)),
      tried('listing log groups', () => findLogGroups(others.logs, sought)),
      tried('listing topics', () => findTopics(others.sns, stage)),
      tried('listing policies', () => findPolicies(others.iam, { stage, region })),
    ]);
    return { account, region, stacks, parts: parts.flat(), unread, clock };
  } finally {
    clients.close();
    for (const client of Object.values(others)) client.destroy();
  }
}

async function askCaller(sts: STSClient): Promise<{ account: string } & Pick<StageInventory, 'clock'>> {
  let date: string | undefined;
  sts.middlewareStack.add(
    (next) => async (call) => {
      const result = await next(call);
      date = (result.response as { headers?: Record<string, string> }).headers?.date;
      return result;
    },
    { step: 'deserialize' },
  );
  const askedMs = Date.now();
  const { Account } = await sts.send(new GetCallerIdentityCommand({})).catch((error: unknown) => {
    throw storeError('asking AWS who is calling', error);
  });
  const answeredMs = Date.now();
  const saidMs = Date.parse(date ?? '');
  if (Number.isNaN(saidMs)) return { account: String(Account), clock: undefined };
  // Its seconds are cut off: it is half a second later on average.
  const offMs = (askedMs + answeredMs) / 2 - (saidMs + SECOND_MS / 2);
  return {
    account: String(Account),
    clock: { offMs, doubtMs: (answeredMs - askedMs) / 2 + SECOND_MS / 2 },
  };
}

type Clients = ReturnType<typeof createClients>;

async function readStacks(client: CloudFormationClient, stage: string): Promise<Stack[]> {
  const stacks = await Promise.all(STACKS.map((name) => readStack(client, `qt-${stage}-${name}`)));
  return stacks.flatMap((stack) => stack ?? []);
}

async function readStack(client: CloudFormationClient, name: string): Promise<Stack | undefined> {
  const answer = await client.send(new DescribeStacksCommand({ StackName: name })).catch((error: unknown) => {
    // CloudFormation has no error of its own for a stack that is not there.
    if (readAwsFailure(error).message.includes('does not exist')) return undefined;
    throw error;
  });
  const status = answer?.Stacks?.[0]?.StackStatus;
  if (status === undefined) return undefined;
  const resources: string[] = [];
  for await (const page of paginateListStackResources({ client }, { StackName: name }))
    for (const { PhysicalResourceId, ResourceStatus } of page.StackResourceSummaries ?? [])
      if (PhysicalResourceId !== undefined && isThere(ResourceStatus)) resources.push(PhysicalResourceId);
  return { name, status, resources };
}

/** One that the stack let go of (DELETE_SKIPPED), or never got, is not its own. */
const isThere = (status: string | undefined): boolean =>
  status !== 'DELETE_COMPLETE' && status !== 'DELETE_SKIPPED' && status !== 'CREATE_FAILED';

async function findTables({ dynamodb: client }: Clients, stage: string): Promise<Part[]> {
  const parts: Part[] = [];
  for (const id of [`qt-${stage}-signals`, `qt-${stage}-risk`]) {
    try {
      await client.send(new DescribeTableCommand({ TableName: id }));
      parts.push({ kind: 'table', id });
    } catch (error) {
      if (!(error instanceof ResourceNotFoundException)) throw error;
    }
  }
  return parts;
}

async function findBucket({ s3 }: Clients, id: string): Promise<Part[]> {
  try {
    await s3.send(new ListObjectsV2Command({ Bucket: id, MaxKeys: 1 }));
    return [{ kind: 'bucket', id }];
  } catch (error) {
    if (readAwsFailure(error).name === 'NoSuchBucket') return [];
    throw error;
  }
}

async function findParameters({ ssm: client }: Clients, stage: string): Promise<Part[]> {
  const parts: Part[] = [];
  const query = { Path: `/qt/${stage}/`, Recursive: true };
  for await (const { Parameters = [] } of paginateGetParametersByPath({ client }, query))
    for (const { Name } of Parameters) if (Name !== undefined) parts.push({ kind: 'parameter', id: Name });
  return parts;
}

async function findLogGroups(client: CloudWatchLogsClient, { stage, functions }: Sought): Promise<Part[]> {
  const names = new Set([
    ...functions.map((name) => `/aws/lambda/qt-${stage}-${name}`),
    `/aws/vendedlogs/qt-${stage}-api`,
    `/aws/vendedlogs/states/qt-${stage}-retraining`,
    `/qt/${stage}/retraining`,
  ]);
  const prefixes = [`/aws/lambda/qt-${stage}-`, '/aws/vendedlogs/', `/qt/${stage}/`];
  const found: Part[] = [];
  for (const logGroupNamePrefix of prefixes)
    for await (const { logGroups = [] } of paginateDescribeLogGroups({ client }, { logGroupNamePrefix }))
      for (const { logGroupName: id } of logGroups)
        if (id !== undefined && names.has(id)) found.push({ kind: 'log group', id });
  return found;
}

async function findTopics(client: SNSClient, stage: string): Promise<Part[]> {
  const parts: Part[] = [];
  for await (const { Topics = [] } of paginateListTopics({ client }, {}))
    for (const { TopicArn: id } of Topics)
      if (id?.endsWith(`:qt-${stage}-alarms`)) parts.push({ kind: 'topic', id });
  return parts;
}

async function findPolicies(
  client: IAMClient,
  { stage, region }: { readonly stage: string; readonly region: string },
): Promise<Part[]> {
  const name = new RegExp(`:policy/qt-${stage}-[a-z]+-${region}$`);
  const parts: Part[] = [];
  for await (const { Policies = [] } of paginateListPolicies({ client }, { Scope: 'Local' }))
    for (const { Arn: id } of Policies)
      if (id !== undefined && name.test(id)) parts.push({ kind: 'policy', id });
  return parts;
}
