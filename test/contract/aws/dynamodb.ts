// What DynamoDB does, as far as the project relies on it, through the real SDK client.
import {
  CreateTableCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import {
  DeleteCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  paginateQuery,
  QueryCommand,
  type QueryCommandInput,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AwsTarget, errorName } from '../../support/aws-target.ts';

export function describeDynamoDbConformance(name: string, open: () => Promise<AwsTarget>): void {
  describe(`DynamoDB: ${name}`, () => {
    let target: AwsTarget;
    let client: DynamoDBDocumentClient;
    let TableName: string;

    const put = (Item: Record<string, unknown>, ConditionExpression?: string) =>
      client.send(new PutCommand({ TableName, Item, ConditionExpression }));
    const query = async (input: Omit<QueryCommandInput, 'TableName'>, pageSize = 100) => {
      const found: Record<string, unknown>[] = [];
      for await (const page of paginateQuery({ client, pageSize }, { TableName, ...input }))
        found.push(...(page.Items ?? []));
      return found;
    };

    beforeAll(async () => {
      target = await open();
      client = target.clients.dynamodb;
      TableName = `${target.prefix}-table`;
      await client.send(
        new CreateTableCommand({
          TableName,
          BillingMode: 'PAY_PER_REQUEST',
          AttributeDefinitions: [
            { AttributeName: 'pk', AttributeType: 'S' },
            { AttributeName: 'sk', AttributeType: 'N' },
          ],
          KeySchema: [
            { AttributeName: 'pk', KeyType: 'HASH' },
            { AttributeName: 'sk', KeyType: 'RANGE' },
          ],
          GlobalSecondaryIndexes: [
            {
              IndexName: 'turned',
              KeySchema: [
                { AttributeName: 'sk', KeyType: 'HASH' },
                { AttributeName: 'pk', KeyType: 'RANGE' },
              ],
              Projection: { ProjectionType: 'ALL' },
            },
          ],
        }),
      );
      await waitUntilTableExists({ client, maxWaitTime: 60, minDelay: 1 }, { TableName });
    });
    afterAll(async () => {
      await client.send(new DeleteTableCommand({ TableName }));
      await target.close();
    });

    it('has an on-demand table with its index, and takes a time to live', async () => {
      const { Table } = await client.send(new DescribeTableCommand({ TableName }));
      expect(Table?.BillingModeSummary?.BillingMode).toBe('PAY_PER_REQUEST');
      expect(Table?.GlobalSecondaryIndexes?.[0]?.IndexName).toBe('turned');
      const TimeToLiveSpecification = { AttributeName: 'expiresAt', Enabled: true };
      const answer = await client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }));
      expect(answer.TimeToLiveSpecification).toEqual(TimeToLiveSpecification);
    });

    it('returns numbers, nulls, lists and maps as they were put', async () => {
      const item = {
        pk: 'types',
        sk: 1,
        third: 0.1 + 0.2,
        tiny: 5e-45,
        none: null,
        list: [{ a: 1 }, 'b'],
        no: false,
      };
      await put(item);
      const { Item } = await client.send(
        new GetCommand({ TableName, Key: { pk: 'types', sk: 1 }, ConsistentRead: true }),
      );
      expect(Item).toEqual(item);
    });

    it('lets one of 20 concurrent creators win', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, writer) =>
          errorName(put({ pk: 'race', sk: 1, writer }, 'attribute_not_exists(pk)')),
        ),
      );
      expect(outcomes.filter((outcome) => outcome === 'no error')).toHaveLength(1);
      expect(new Set(outcomes)).toEqual(new Set(['no error', 'ConditionalCheckFailedException']));
      const [kept] = await query({
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': 'race' },
      });
      expect(kept?.writer).toBe(outcomes.indexOf('no error'));
    });

    it('loses no increment of 40 concurrent conditional updates', async () => {
      await put({ pk: 'counter', sk: 1, count: 0 });
      const outcomes = await Promise.all(
        Array.from({ length: 40 }, () =>
          errorName(
            client.send(
              new UpdateCommand({
                TableName,
                Key: { pk: 'counter', sk: 1 },
                UpdateExpression: 'SET #count = #count + :one',
                ConditionExpression: '#count < :limit',
                ExpressionAttributeNames: { '#count': 'count' },
                ExpressionAttributeValues: { ':one': 1, ':limit': 25 },
              }),
            ),
          ),
        ),
      );
      expect(outcomes.filter((outcome) => outcome === 'no error')).toHaveLength(25);
    });

    it('queries a key in order, both ways, by range and page by page', async () => {
      const sks = [-5, 0, 2, 10, 100, 1_720_000_000_000];
      for (const sk of [...sks].reverse()) await put({ pk: 'ordered', sk });
      await put({ pk: 'ordered2', sk: 1 });
      const ordered = {
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': 'ordered' },
        ConsistentRead: true,
      };
      const sksOf = (items: Record<string, unknown>[]) => items.map((item) => item.sk);
      expect(sksOf(await query(ordered))).toEqual(sks);
      expect(sksOf(await query({ ...ordered, ScanIndexForward: false }, 2))).toEqual([...sks].reverse());
      const between = {
        KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
        ExpressionAttributeValues: { ':pk': 'ordered', ':from': 0, ':to': 10 },
      };
      expect(sksOf(await query(between))).toEqual([0, 2, 10]);
      const newest = await client.send(
        new QueryCommand({ TableName, ...ordered, ScanIndexForward: false, Limit: 1 }),
      );
      expect(sksOf(newest.Items ?? [])).toEqual([1_720_000_000_000]);
      expect(newest.LastEvaluatedKey).toBeDefined();
    });

    it('queries the index by its own keys, and forgets what is deleted', async () => {
      const pks = ['#mark', '1000PEPEUSDT', 'BTCUSDT', 'aUSDT', '币安USDT'];
      for (const pk of [...pks].reverse()) await put({ pk, sk: 77, payload: pk.length });
      const afterMark = {
        IndexName: 'turned',
        KeyConditionExpression: 'sk = :sk AND pk >= :from',
        ExpressionAttributeValues: { ':sk': 77, ':from': '$' },
      };
      expect((await query(afterMark, 2)).map((item) => item.pk)).toEqual(pks.slice(1));
      await client.send(new DeleteCommand({ TableName, Key: { pk: 'BTCUSDT', sk: 77 } }));
      expect((await query(afterMark)).map((item) => item.pk)).toEqual(['1000PEPEUSDT', 'aUSDT', '币安USDT']);
    });

    it('follows its pages beyond 1 MB', async () => {
      const payload = 'x'.repeat(100_000);
      await Promise.all(Array.from({ length: 15 }, (_, sk) => put({ pk: 'large', sk, payload })));
      const large = { KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': 'large' } };
      const first = await client.send(new QueryCommand({ TableName, ...large }));
      expect(first.LastEvaluatedKey).toBeDefined();
      expect(await query(large)).toHaveLength(15);
    });

    it('names a table that is not there', async () => {
      const elsewhere = new GetCommand({ TableName: `${TableName}-absent`, Key: { pk: 'a', sk: 1 } });
      expect(await errorName(client.send(elsewhere))).toBe('ResourceNotFoundException');
    });
  });
}
