// The tables and flag parameters that the system needs, defined once: the CDK stack builds them on AWS from these definitions,
// and ensureLocalResources on the embedded endpoints, so that the two cannot drift.
import {
  CreateTableCommand,
  ResourceInUseException,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import { BucketAlreadyOwnedByYou, CreateBucketCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { ParameterAlreadyExists, PutParameterCommand } from '@aws-sdk/client-ssm';
import { FLAG_NAMES, FLAGS } from '../../risk/flags.ts';
import type { AwsClients } from './create-clients.ts';
import { storeError } from './store-failure.ts';

interface KeyAttribute {
  readonly name: string;
  readonly type: 'S' | 'N';
}

export interface TableDefinition {
  readonly partitionKey: KeyAttribute;
  readonly sortKey: KeyAttribute;
  /** Global secondary index with all attributes, of the items that have its keys. */
  readonly index?: {
    readonly name: string;
    readonly partitionKey: KeyAttribute;
    readonly sortKey: KeyAttribute;
  };
  /** Attribute that holds the epoch second after which an item may be deleted. */
  readonly timeToLiveAttribute?: string;
}

const symbol = { name: 'symbol', type: 'S' } as const;
const barOpenTimeMs = { name: 'barOpenTimeMs', type: 'N' } as const;

export const SIGNALS_TABLE = {
  partitionKey: symbol,
  sortKey: barOpenTimeMs,
  index: { name: 'byBar', partitionKey: barOpenTimeMs, sortKey: symbol },
  timeToLiveAttribute: 'expiresAt',
} as const satisfies TableDefinition;

const scope = { name: 'scope', type: 'S' } as const;

export const RISK_TABLE = {
  partitionKey: scope,
  sortKey: { name: 'sk', type: 'S' },
  index: { name: 'listed', partitionKey: scope, sortKey: { name: 'listedAs', type: 'S' } },
  timeToLiveAttribute: 'expiresAt',
} as const satisfies TableDefinition;

/** Where a stage's flags stand in Parameter Store, with the slash at the end. */
export const flagPath = (stage: string): string => `/qt/${stage}/flags/`;

interface ResourceNames {
  readonly bucket: string;
  readonly signalsTable: string;
  readonly riskTable: string;
  readonly stage: string;
}

/**
 * Creates on the embedded endpoints what is not there yet: tables, versioned bucket, flags with their local values. What is
 * there stays as it is, an operator's flags above all. Throws StoreError.
 */
export async function ensureLocalResources(clients: AwsClients, names: ResourceNames): Promise<void> {
  await ensureTable(clients, names.signalsTable, SIGNALS_TABLE);
  await ensureTable(clients, names.riskTable, RISK_TABLE);
  await ensureVersionedBucket(clients, names.bucket);
  for (const flag of FLAG_NAMES) await ensureFlag(clients, names.stage, flag);
}

async function ensureTable(
  { dynamodb }: AwsClients,
  name: string,
  { partitionKey, sortKey, index, timeToLiveAttribute }: TableDefinition,
): Promise<void> {
  const attributes = [
    partitionKey,
    sortKey,
    ...(index === undefined ? [] : [index.partitionKey, index.sortKey]),
  ];
  const types = new Map(attributes.map((attribute) => [attribute.name, attribute.type]));
  const keySchema = (partition: KeyAttribute, sort: KeyAttribute) => [
    { AttributeName: partition.name, KeyType: 'HASH' as const },
    { AttributeName: sort.name, KeyType: 'RANGE' as const },
  ];
  const command = new CreateTableCommand({
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [...types].map(([AttributeName, AttributeType]) => ({
      AttributeName,
      AttributeType,
    })),
    KeySchema: keySchema(partitionKey, sortKey),
    ...(index !== undefined && {
      GlobalSecondaryIndexes: [
        {
          IndexName: index.name,
          KeySchema: keySchema(index.partitionKey, index.sortKey),
          Projection: { ProjectionType: 'ALL' },
        },
      ],
    }),
  });
  try {
    await dynamodb.send(command).catch((error: unknown) => {
      if (!(error instanceof ResourceInUseException)) throw error;
    });
    // Seconds. An embedded table is there at once, and the first look is too early.
    const patience = { client: dynamodb, minDelay: 0.01, maxDelay: 0.5, maxWaitTime: 10 };
    await waitUntilTableExists(patience, { TableName: name });
    if (timeToLiveAttribute !== undefined) {
      const TimeToLiveSpecification = { AttributeName: timeToLiveAttribute, Enabled: true };
      await dynamodb.send(new UpdateTimeToLiveCommand({ TableName: name, TimeToLiveSpecification }));
    }
  } catch (error) {
    throw storeError(`creating table ${name}`, error);
  }
}

async function ensureVersionedBucket({ s3 }: AwsClients, bucket: string): Promise<void> {
  try {
    await s3.send(new CreateBucketCommand({ Bucket: bucket })).catch((error: unknown) => {
      if (!(error instanceof BucketAlreadyOwnedByYou)) throw error;
    });
    await s3.send(
      new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }),
    );
  } catch (error) {
    throw storeError(`creating bucket ${bucket}`, error);
  }
}

async function ensureFlag(
  { ssm }: AwsClients,
  stage: string,
  flag: (typeof FLAG_NAMES)[number],
): Promise<void> {
  const { pattern, allowed, local } = FLAGS[flag];
  const command = new PutParameterCommand({
    Name: flagPath(stage) + flag,
    Value: local,
    Type: 'String',
    AllowedPattern: pattern,
    Description: allowed,
    Overwrite: false,
  });
  await ssm.send(command).catch((error: unknown) => {
    if (!(error instanceof ParameterAlreadyExists)) throw storeError(`creating flag ${flag}`, error);
  });
}
