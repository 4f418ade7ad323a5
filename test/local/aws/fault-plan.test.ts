// What AWS does on a bad day, through the real SDK clients: views that lag behind their writes, writes whose answer is lost, and
// conditions that another client breaks in between.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { GetParameterCommand, GetParametersByPathCommand, PutParameterCommand } from '@aws-sdk/client-ssm';
import {
  DeleteCommand,
  GetCommand,
  PutCommand,
  QueryCommand,
  ScanCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AwsClients, createClients } from '../../../lib/adapters/aws/create-clients.ts';
import { ensureLocalResources, SIGNALS_TABLE } from '../../../lib/adapters/aws/resources.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../../../local/aws/embedded-aws.ts';

const names = { bucket: 'qt-bucket', signalsTable: 'signals', riskTable: 'risk', stage: 'local' };
const BAR = 300_000;
const SYMBOLS = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L'];

let nowMs: number;
let stateDir: string;
let aws: EmbeddedAws;
let clients: AwsClients;

async function start(): Promise<void> {
  aws = await startEmbeddedAws({ stateDir, clock: { nowMs: () => nowMs } });
  clients = createClients(aws.endpoints);
}
async function stop(): Promise<void> {
  clients.close();
  await aws.close();
}
beforeEach(async () => {
  nowMs = 1_000_000;
  stateDir = await mkdtemp(`${tmpdir()}/qt-faults-`);
  await start();
  await ensureLocalResources(clients, names);
});
afterEach(async () => {
  await stop();
  await rm(stateDir, { recursive: true });
});

const TableName = names.signalsTable;
const put = (symbol: string, more: object = {}) =>
  clients.dynamodb.send(new PutCommand({ TableName, Item: { symbol, barOpenTimeMs: BAR, ...more } }));
const itemsOf = ({ Items = [] }: { Items?: Record<string, unknown>[] | undefined }) =>
  Items.map(({ symbol, n }) => (n === undefined ? symbol : `${symbol}${n}`)).sort();
const inIndex = async () =>
  itemsOf(
    await clients.dynamodb.send(
      new QueryCommand({
        TableName,
        IndexName: SIGNALS_TABLE.index.name,
        KeyConditionExpression: 'barOpenTimeMs = :bar',
        ExpressionAttributeValues: { ':bar': BAR },
      }),
    ),
  );
const get = async (symbol: string, ConsistentRead?: boolean) =>
  (
    await clients.dynamodb.send(
      new GetCommand({ TableName, Key: { symbol, barOpenTimeMs: BAR }, ConsistentRead }),
    )
  ).Item;
const query = async (symbol: string, ConsistentRead: boolean) =>
  itemsOf(
    await clients.dynamodb.send(
      new QueryCommand({
        TableName,
        KeyConditionExpression: 'symbol = :symbol',
        ExpressionAttributeValues: { ':symbol': symbol },
        ConsistentRead,
      }),
    ),
  );

describe('a secondary index that lags', () => {
  it('misses what is newer than the lag, while consistent reads of the table are exact', async () => {
    await put('A');
    aws.faults.dynamodb.inject({ kind: 'lag', view: 'index', lagMs: 10_000 });
    await put('B');
    nowMs += 4_000;
    await put('C');
    expect(await inIndex()).toEqual(['A']);
    for (const symbol of ['A', 'B', 'C']) expect(await query(symbol, true)).toEqual([symbol]);
    nowMs += 5_999;
    expect(await inIndex()).toEqual(['A']);
    nowMs += 1;
    expect(await inIndex()).toEqual(['A', 'B']);
    nowMs += 4_000;
    expect(await inIndex()).toEqual(['A', 'B', 'C']);
  });

  it('shows changed and deleted items as they were', async () => {
    await put('A', { n: 1 });
    await put('B');
    aws.faults.dynamodb.inject({ kind: 'lag', view: 'index', lagMs: 10_000 });
    await put('A', { n: 2 });
    await clients.dynamodb.send(new DeleteCommand({ TableName, Key: { symbol: 'B', barOpenTimeMs: BAR } }));
    expect(await inIndex()).toEqual(['A1', 'B']);
    expect([await query('A', true), await query('B', true)]).toEqual([['A2'], []]);
    nowMs += 10_000;
    expect(await inIndex()).toEqual(['A2']);
  });

  it('misses a chosen share, the same for the same seed', async () => {
    const missing = async (seed: number) => {
      for (const symbol of SYMBOLS)
        await clients.dynamodb.send(new DeleteCommand({ TableName, Key: { symbol, barOpenTimeMs: BAR } }));
      aws.faults.dynamodb.inject({ kind: 'lag', view: 'index', lagMs: 10_000, share: 0.5, seed });
      for (const symbol of SYMBOLS) await put(symbol);
      const seen = await inIndex();
      aws.faults.dynamodb.clear();
      expect(await inIndex()).toEqual(SYMBOLS);
      return SYMBOLS.filter((symbol) => !seen.includes(symbol));
    };
    const first = await missing(3);
    expect(first.length).toBeGreaterThan(0);
    expect(first.length).toBeLessThan(SYMBOLS.length);
    expect(await missing(3)).toEqual(first);
    expect(await missing(4)).not.toEqual(first);
  });

  it('never shows an older state after a newer one, and has caught up after a restart', async () => {
    aws.faults.dynamodb.inject({ kind: 'lag', view: 'index', lagMs: 10_000 });
    await put('A', { n: 1 });
    await put('B', { n: 1 });
    aws.faults.dynamodb.clear();
    await put('A', { n: 2 });
    expect(await inIndex()).toEqual(['A2', 'B1']);
    aws.faults.dynamodb.inject({ kind: 'lag', view: 'index', lagMs: 10_000 });
    await put('B', { n: 2 });
    expect(await inIndex()).toEqual(['A2', 'B1']);
    await stop();
    await start();
    expect(await inIndex()).toEqual(['A2', 'B2']);
  });
});

describe('reads that do not ask for consistency', () => {
  it('see a table as it was, when they lag; those that ask see it as it is', async () => {
    await put('A', { n: 1 });
    await put('D');
    aws.faults.dynamodb.inject({ kind: 'lag', view: 'read', lagMs: 10_000 });
    await put('A', { n: 2 });
    await put('A', { n: 3 });
    await put('B');
    await clients.dynamodb.send(new DeleteCommand({ TableName, Key: { symbol: 'D', barOpenTimeMs: BAR } }));
    expect([await query('A', false), await query('B', false)]).toEqual([['A1'], []]);
    expect([await query('A', true), await query('B', true)]).toEqual([['A3'], ['B']]);
    expect([(await get('A'))?.n, await get('B'), (await get('D'))?.symbol]).toEqual([1, undefined, 'D']);
    expect([(await get('A', true))?.n, (await get('B', true))?.symbol, await get('D', true)]).toEqual([
      3,
      'B',
      undefined,
    ]);
    expect(itemsOf(await clients.dynamodb.send(new ScanCommand({ TableName })))).toEqual(['A1']);
    nowMs += 10_000;
    expect([await query('A', false), await query('B', false)]).toEqual([['A3'], ['B']]);
    expect(await get('D')).toBeUndefined();
  });

  it('decide no condition: those are checked against the table', async () => {
    await put('A', { n: 1 });
    aws.faults.dynamodb.inject({ kind: 'lag', view: 'read', lagMs: 10_000 });
    const raise = (from: number) =>
      clients.dynamodb.send(
        new UpdateCommand({
          TableName,
          Key: { symbol: 'A', barOpenTimeMs: BAR },
          UpdateExpression: 'SET n = :to',
          ConditionExpression: 'n = :from',
          ExpressionAttributeValues: { ':from': from, ':to': from + 1 },
        }),
      );
    await raise(1);
    expect((await get('A'))?.n).toBe(1);
    await expect(raise(1)).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
    await raise(2);
    expect((await get('A', true))?.n).toBe(3);
  });

  it('of parameters show the value before, or none', async () => {
    const write = (Name: string, Value: string) =>
      clients.ssm.send(new PutParameterCommand({ Name, Value, Type: 'String', Overwrite: true }));
    const read = async (Name: string) =>
      (await clients.ssm.send(new GetParameterCommand({ Name }))).Parameter?.Value;
    await write('/lag/old', '1');
    aws.faults.ssm.inject({ kind: 'lag', view: 'read', lagMs: 10_000 });
    await write('/lag/old', '2');
    await write('/lag/new', '1');
    expect(await read('/lag/old')).toBe('1');
    await expect(read('/lag/new')).rejects.toMatchObject({ name: 'ParameterNotFound' });
    const byPath = await clients.ssm.send(new GetParametersByPathCommand({ Path: '/lag' }));
    expect(byPath.Parameters?.map(({ Value }) => Value)).toEqual(['1']);
    nowMs += 10_000;
    expect([await read('/lag/old'), await read('/lag/new')]).toEqual(['2', '1']);
  });
});

it('a list that lags misses new keys, and nothing else', async () => {
  const object = (Key: string, Body: string) =>
    clients.s3.send(new PutObjectCommand({ Bucket: names.bucket, Key, Body }));
  const list = async () =>
    (await clients.s3.send(new ListObjectsV2Command({ Bucket: names.bucket }))).Contents?.map(
      ({ Key, Size }) => `${Key} ${Size}`,
    );
  await object('old', '1');
  aws.faults.s3.inject({ kind: 'lag', view: 'list', lagMs: 10_000 });
  await object('old', '12');
  await object('new', '1');
  expect(await list()).toEqual(['old 2']);
  nowMs += 10_000;
  expect(await list()).toEqual(['new 1', 'old 2']);
});

describe('a write that meets another', () => {
  const first = (symbol: string, n: number) =>
    clients.dynamodb.send(
      new PutCommand({
        TableName,
        Item: { symbol, barOpenTimeMs: BAR, n },
        ConditionExpression: 'attribute_not_exists(symbol)',
      }),
    );

  it('fails by its condition when a rival comes first', async () => {
    aws.faults.dynamodb.inject({ kind: 'raced', operation: 'PutItem', rival: () => first('A', 1) });
    await expect(first('A', 2)).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
    expect((await get('A', true))?.n).toBe(1);
    await first('B', 2);
  });

  it('fails by its own first attempt when the answer to that was lost', async () => {
    aws.faults.dynamodb.inject({ kind: 'answer_lost', operation: 'PutItem' });
    await expect(first('A', 1)).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
    expect((await get('A', true))?.n).toBe(1);
  });

  it('loses an object to a rival as well', async () => {
    const object = (Body: string) =>
      clients.s3.send(new PutObjectCommand({ Bucket: names.bucket, Key: 'a', Body, IfNoneMatch: '*' }));
    aws.faults.s3.inject({ kind: 'raced', operation: 'PutObject', rival: () => object('rival') });
    await expect(object('mine')).rejects.toMatchObject({ name: 'PreconditionFailed' });
  });
});
