// What the embedded DynamoDB keeps open: a run of days puts half a million questions to it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { PutCommand, paginateQuery, QueryCommand } from '@aws-sdk/lib-dynamodb';
import dynaliteDatabase from 'dynalite/db/index.js';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type AwsClients, createClients } from '../../../lib/adapters/aws/create-clients.ts';
import { ensureLocalResources } from '../../../lib/adapters/aws/resources.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../../../local/aws/embedded-aws.ts';

const names = { bucket: 'bucket', signalsTable: 'signals', riskTable: 'risk', stage: 'local' };

let stateDir: string;
let aws: EmbeddedAws;
let clients: AwsClients;
/** LevelDB's iterators by now, and those of them that are still open. */
let opened = 0;
const open = new Set<object>();

beforeEach(async () => {
  stateDir = await mkdtemp(`${tmpdir()}/qt-dynamodb-`);
  const created = vi.spyOn(dynaliteDatabase, 'create');
  aws = await startEmbeddedAws({ stateDir });
  const store = created.mock.results.find(({ value }) => value.options.path === `${stateDir}/dynamodb`);
  const { db } = store!.value as {
    db: { attachResource(resource: object): void; detachResource(resource: object): void };
  };
  created.mockRestore();
  const { attachResource, detachResource } = db;
  db.attachResource = (resource) => {
    opened++;
    open.add(resource);
    attachResource.call(db, resource);
  };
  db.detachResource = (resource) => {
    open.delete(resource);
    detachResource.call(db, resource);
  };
  clients = createClients(aws.endpoints);
  await ensureLocalResources(clients, names);
});

afterEach(async () => {
  clients.close();
  await aws.close();
  await rm(stateDir, { recursive: true });
});

it('keeps no iterator of a query open, whether it was read to its end or cut short', async () => {
  const { dynamodb } = clients;
  for (let order = 0; order < 60; order++) {
    const Item = { scope: 'paper', sk: `order#${order}`, text: 'x'.repeat(500) };
    await dynamodb.send(new PutCommand({ TableName: names.riskTable, Item }));
  }
  const query = {
    TableName: names.riskTable,
    KeyConditionExpression: '#scope = :scope',
    ExpressionAttributeNames: { '#scope': 'scope' },
    ExpressionAttributeValues: { ':scope': 'paper' },
  };
  for (const Limit of [1, 2, 20, 59, 60, 61, undefined])
    for (const ScanIndexForward of [true, false])
      await dynamodb.send(new QueryCommand({ ...query, ScanIndexForward, ...(Limit && { Limit }) }));
  let items = 0;
  for await (const page of paginateQuery({ client: dynamodb, pageSize: 7 }, query)) items += page.Count ?? 0;

  expect(items).toBe(60);
  expect(opened).toBeGreaterThanOrEqual(23);
  // An answer may be here before the reading ahead behind it has come to its end.
  await vi.waitFor(() => expect(open.size).toBe(0));
});
