// The records of the risk table. What is read back is parsed as strictly as what comes from outside; an item that breaks its
// schema is named, never half a record.
import { randomUUID } from 'node:crypto';
import { DeleteCommand, PutCommand, paginateQuery } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import { invariant } from '../../../core/invariant.ts';
import type { Clock } from '../../../core/ports.ts';
import { failure, type Result, success } from '../../../core/result.ts';
import { SECOND_MS } from '../../../core/units.ts';
import type {
  RecordCondition,
  RecordProblem,
  RecordQuery,
  RecordStore,
  Versioned,
} from '../../../risk/ports.ts';
import { isStorable } from '../../../risk/storable.ts';
import { RISK_TABLE } from '../resources.ts';
import { storeError } from '../store-failure.ts';
import { isWritten } from './is-written.ts';
import {
  describeMalformed,
  isWrittenBy,
  malformedItem,
  nameOf,
  type RiskTable,
  readItem,
  WRITE_ID,
} from './risk-table.ts';

/** Above every character of a key. */
const AFTER_ALL_KEYS = '\u{10FFFF}';
const FIRST_REVISION = 1;
const LISTED_AS = RISK_TABLE.index.sortKey.name;

const itemSchema = z.object({ sk: z.string(), revision: z.int().min(FIRST_REVISION), value: z.unknown() });

/** @param clock from its time on a passing record is kept */
export function createDynamoRecords(riskTable: RiskTable, clock: Clock): RecordStore {
  const { client, table } = riskTable;

  return {
    async get(scope, key, schema) {
      const item = await readItem(riskTable, scope, key);
      if (item === undefined) return undefined;
      const record = parseItem(item, schema);
      if (!record.ok) throw malformedItem(nameOf(riskTable, scope, key), record.error);
      return record.value;
    },

    async put(scope, key, value, { keptMs, listedAs, ...condition }) {
      const name = nameOf(riskTable, scope, key);
      invariant(z.json().safeParse(value).success, `${name} is not JSON`);
      invariant(isStorable(value), `${name} has a name that cannot be stored`);
      const writeId = randomUUID();
      const command = new PutCommand({
        TableName: table,
        Item: {
          ...{ scope, sk: key, value, revision: nextRevision(condition), [WRITE_ID]: writeId },
          ...(listedAs !== undefined && { [LISTED_AS]: listedAs }),
          ...expiry(clock, keptMs),
        },
        ...conditionExpressions(condition),
      });
      const isOwn = () => isWrittenBy(riskTable, { scope, key, writeId });
      return (await isWritten(client.send(command), `writing ${name}`, isOwn)) ? 'written' : 'conflict';
    },

    async remove(scope, key, condition) {
      const command = new DeleteCommand({
        TableName: table,
        Key: { scope, sk: key },
        ...conditionExpressions(condition),
      });
      const done = await isWritten(client.send(command), `removing ${nameOf(riskTable, scope, key)}`);
      return done ? 'removed' : 'conflict';
    },

    async list({ scope, ...query }, schema) {
      const records: (Versioned<z.infer<typeof schema>> & { readonly key: string })[] = [];
      const problems: RecordProblem[] = [];
      for (const item of await queryItems(riskTable, { scope, ...query })) {
        const key = String(item[query.listed ? LISTED_AS : 'sk']);
        const record = parseItem(item, schema);
        if (record.ok) records.push({ key, ...record.value });
        else
          problems.push({
            key,
            message: describeMalformed(nameOf(riskTable, scope, String(item.sk)), record.error),
            value: item.value,
            revision: itemSchema.safeParse(item).data?.revision,
          });
      }
      return { records, problems };
    },
  };
}

function parseItem<T>(item: Record<string, unknown>, schema: z.ZodType<T>): Result<Versioned<T>, z.ZodError> {
  const record = itemSchema.safeParse(item);
  if (!record.success) return failure(record.error);
  const value = schema.safeParse(record.data.value);
  if (!value.success) return failure(value.error);
  return success({ value: value.data, revision: record.data.revision });
}

/** Throws StoreError. */
async function queryItems(
  riskTable: RiskTable,
  { scope, prefix, fromKey = prefix, beforeKey, newestFirst = false, listed = false, count }: RecordQuery,
): Promise<Record<string, unknown>[]> {
  for (const key of [fromKey, beforeKey ?? prefix])
    invariant(key.startsWith(prefix), `${key} does not start with ${prefix}`);
  const toKey = beforeKey ?? prefix + AFTER_ALL_KEYS;
  if ((count !== undefined && count <= 0) || fromKey >= toKey) return [];
  const { client, table } = riskTable;
  const key = listed ? LISTED_AS : RISK_TABLE.sortKey.name;
  const pages = paginateQuery(
    { client, ...(count !== undefined && { pageSize: count }) },
    {
      TableName: table,
      ...(listed && { IndexName: RISK_TABLE.index.name }),
      KeyConditionExpression: '#scope = :scope AND #key BETWEEN :from AND :to',
      ExpressionAttributeNames: { '#scope': 'scope', '#key': key },
      ExpressionAttributeValues: { ':scope': scope, ':from': fromKey, ':to': toKey },
      ScanIndexForward: !newestFirst,
      // Of an index DynamoDB gives no other.
      ConsistentRead: !listed,
    },
  );
  const items: Record<string, unknown>[] = [];
  try {
    for await (const page of pages) {
      // BETWEEN includes its end.
      items.push(...(page.Items ?? []).filter((item) => item[key] !== beforeKey));
      if (count !== undefined && items.length >= count) return items.slice(0, count);
    }
    return items;
  } catch (error) {
    throw storeError(`reading ${nameOf(riskTable, scope, `${prefix}…`)}`, error);
  }
}

/** The table's TTL deletes what has passed, some time later; nothing here relies on that. */
const expiry = (clock: Clock, keptMs: number | undefined): Record<string, number> =>
  keptMs === undefined
    ? {}
    : { [RISK_TABLE.timeToLiveAttribute]: Math.ceil((clock.nowMs() + keptMs) / SECOND_MS) };

const nextRevision = (condition: RecordCondition): number =>
  'ifRevision' in condition ? condition.ifRevision + 1 : FIRST_REVISION;

const conditionExpressions = (condition: RecordCondition) =>
  'ifRevision' in condition
    ? {
        ConditionExpression: 'revision = :revision',
        ExpressionAttributeValues: { ':revision': condition.ifRevision },
      }
    : { ConditionExpression: 'attribute_not_exists(sk)' };
