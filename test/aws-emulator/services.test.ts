// The suites that the embedded AWS passes, and that a real account is to pass, on an emulator that nobody here wrote: what they demand
// is not our own reading of AWS's documentation alone.
import { CreateBucketCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll } from 'vitest';
import { createDynamoRiskStore } from '../../lib/adapters/aws/dynamodb/dynamo-risk-store.ts';
import { createDynamoSignalStore } from '../../lib/adapters/aws/dynamodb/dynamo-signal-store.ts';
import { ensureLocalResources } from '../../lib/adapters/aws/resources.ts';
import { createS3ObjectStore } from '../../lib/adapters/aws/s3/s3-object-store.ts';
import { describeDynamoDbConformance } from '../contract/aws/dynamodb.ts';
import { describeS3Conformance } from '../contract/aws/s3.ts';
import { describeSsmConformance } from '../contract/aws/ssm.ts';
import { describeObjectStoreContract } from '../contract/object-store.ts';
import { describeRiskStoreContract } from '../contract/risk-store.ts';
import { describeSignalStoreContract } from '../contract/signal-store.ts';
import { type EmulatedAws, openEmulated, startEmulatedAws } from '../support/emulated-aws.ts';
import { FIRST_BAR_MS } from '../support/inference/sample-signals.ts';

const NAMES = {
  bucket: 'qt-test',
  signalsTable: 'qt-test-signals',
  riskTable: 'qt-test-risk',
  stage: 'test',
};

let aws: EmulatedAws;
beforeAll(async () => {
  aws = await startEmulatedAws();
});
afterAll(() => aws.close());

const open = () => openEmulated(aws);
const openTables = async () => {
  const target = await open();
  await ensureLocalResources(target.clients, NAMES);
  return target;
};

describeDynamoDbConformance('moto', open);
describeS3Conformance('moto', open);
describeSsmConformance('moto', open);

describeObjectStoreContract('S3, moto', async () => {
  const { clients, prefix, close } = await open();
  const Bucket = `${prefix}-objects`;
  await clients.s3.send(new CreateBucketCommand({ Bucket }));
  const VersioningConfiguration = { Status: 'Enabled' } as const;
  await clients.s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
  const storeOf = (bucket: string) => createS3ObjectStore({ client: clients.s3, bucket });
  return { store: storeOf(Bucket), absent: storeOf('qt-no-such-bucket'), hasVersions: true, close };
});
describeRiskStoreContract('DynamoDB, moto', async () => {
  const { clients, close } = await openTables();
  const client = clients.dynamodb;
  const store = createDynamoRiskStore({ client, table: NAMES.riskTable, clock: { nowMs: Date.now } });
  return { store, close };
});
describeSignalStoreContract('DynamoDB, moto', async () => {
  const { clients, close } = await openTables();
  const clock = { nowMs: () => FIRST_BAR_MS };
  const table = NAMES.signalsTable;
  const store = createDynamoSignalStore({ client: clients.dynamodb, table, retentionDays: 90, clock });
  return { store, close };
});
