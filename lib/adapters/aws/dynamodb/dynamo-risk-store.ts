// The risk table: the gate's one conditional write, and the records around it. What is read back is parsed as strictly as what
// comes from outside; an item that breaks its schema is an error that names it, never half a record.
//
// An answer that is lost is asked for again by the SDK, and the second request then meets the first one's write: such a commit
// reports the denial that its own write caused (`duplicate`), such a put `conflict`. Both err on the side of not trading.
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import {
  DeleteCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  paginateQuery,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { invariant } from '../../../core/invariant.ts';
import type { Clock } from '../../../core/ports.ts';
import { failure, type Result, success } from '../../../core/result.ts';
import { StoreError } from '../../../core/store-error.ts';
import { type GateItem, gateItemSchema, type Scope } from '../../../risk/gate.ts';
import { firstDenial, type ItemPath, type ItemPlan } from '../../../risk/item-plan.ts';
import type { RecordCondition, RiskStore, Versioned } from '../../../risk/ports.ts';
import { keptUntilMs } from '../../../risk/records.ts';
import { RISK_TABLE } from '../resources.ts';
import { storeError } from '../store-failure.ts';

const GATE_KEY = 'gate';
/** How often a refused write is tried again because the item, read afterwards, would have allowed it. */
const COMMIT_ATTEMPTS = 5;
/** Above every character of a key. */
const AFTER_ALL_KEYS = '\u{10FFFF}';
const FIRST_REVISION = 1;

const recordSchema = z.object({ sk: z.string(), revision: z.int().min(FIRST_REVISION), value: z.unknown() });

export function createDynamoRiskStore(settings: {
  client: DynamoDBDocumentClient;
  table: string;
  /** From its time on a passing record is kept. */
  clock: Clock;
}): RiskStore {
  const { client, table, clock } = settings;
  const nameOf = (scope: Scope, key: string) => `${scope}/${key} of ${table}`;

  /** The table's TTL deletes what has passed, some time later; nothing here relies on that. */
  function expiry(key: string): Record<string, number> {
    const untilMs = keptUntilMs(key, clock.nowMs());
    return untilMs === undefined ? {} : { [RISK_TABLE.timeToLiveAttribute]: Math.ceil(untilMs / 1000) };
  }

  function malformed(scope: Scope, key: string, error: z.ZodError): StoreError {
    const { path, message } = error.issues[0]!;
    return new StoreError(`item ${nameOf(scope, key)} is malformed: ${path.join('.')}: ${message}`, {
      cause: error,
      retryable: false,
    });
  }

  function parseRecord<T>(
    scope: Scope,
    item: Record<string, unknown>,
    schema: z.ZodType<T>,
  ): Versioned<T> & { readonly key: string } {
    const record = recordSchema.safeParse(item);
    if (!record.success) throw malformed(scope, String(item.sk), record.error);
    const { sk: key, revision } = record.data;
    const value = schema.safeParse(record.data.value);
    if (!value.success) throw malformed(scope, key, value.error);
    return { key, revision, value: value.data };
  }

  async function readItem(scope: Scope, key: string): Promise<Record<string, unknown> | undefined> {
    const command = new GetCommand({ TableName: table, Key: { scope, sk: key }, ConsistentRead: true });
    const answer = await client.send(command).catch((error: unknown) => {
      throw storeError(`reading ${nameOf(scope, key)}`, error);
    });
    return answer.Item;
  }

  function parseGate(scope: Scope, item: unknown): GateItem {
    const gate = gateItemSchema.safeParse(item);
    if (!gate.success) throw malformed(scope, GATE_KEY, gate.error);
    return gate.data;
  }

  async function readGate(scope: Scope): Promise<GateItem | undefined> {
    const item = await readItem(scope, GATE_KEY);
    return item === undefined ? undefined : parseGate(scope, item);
  }

  /** Whether the write took place; false when its condition did not hold. */
  async function written(write: Promise<unknown>, what: string): Promise<boolean> {
    try {
      await write;
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw storeError(what, error);
    }
  }

  return {
    readGate,

    async createGate(scope, gate) {
      const command = new PutCommand({
        TableName: table,
        Item: { ...gateItemSchema.parse(gate), scope, sk: GATE_KEY },
        ConditionExpression: 'attribute_not_exists(sk)',
      });
      const created = await written(client.send(command), `creating ${nameOf(scope, GATE_KEY)}`);
      return created ? 'created' : 'exists';
    },

    async commit<Denial>(
      scope: Scope,
      plan: ItemPlan<Denial>,
    ): Promise<Result<GateItem, Denial | 'gate_missing'>> {
      const command = new UpdateCommand({
        TableName: table,
        Key: { scope, sk: GATE_KEY },
        ReturnValues: 'ALL_NEW',
        ...updateExpressions(plan),
      });
      for (let attempt = 1; attempt <= COMMIT_ATTEMPTS; attempt++) {
        try {
          const { Attributes } = await client.send(command);
          return success(parseGate(scope, Attributes));
        } catch (error) {
          if (!(error instanceof ConditionalCheckFailedException))
            throw storeError(`writing ${nameOf(scope, GATE_KEY)}`, error);
        }
        const gate = await readGate(scope);
        if (gate === undefined) return failure('gate_missing');
        const denial = firstDenial(gate, plan);
        if (denial !== undefined) return failure(denial);
      }
      throw new StoreError(`writing ${nameOf(scope, GATE_KEY)} failed: it changes too often`, {
        retryable: true,
      });
    },

    async get(scope, key, schema) {
      const item = await readItem(scope, key);
      if (item === undefined) return undefined;
      const { value, revision } = parseRecord(scope, item, schema);
      return { value, revision };
    },

    async put(scope, key, value, condition) {
      invariant(z.json().safeParse(value).success, `${nameOf(scope, key)} is not JSON`);
      const command = new PutCommand({
        TableName: table,
        Item: { scope, sk: key, value, revision: nextRevision(condition), ...expiry(key) },
        ...conditionExpressions(condition),
      });
      const done = await written(client.send(command), `writing ${nameOf(scope, key)}`);
      return done ? 'written' : 'conflict';
    },

    async remove(scope, key, condition) {
      const command = new DeleteCommand({
        TableName: table,
        Key: { scope, sk: key },
        ...conditionExpressions(condition),
      });
      const done = await written(client.send(command), `removing ${nameOf(scope, key)}`);
      return done ? 'removed' : 'conflict';
    },

    async list({ scope, prefix, fromKey = prefix, beforeKey, newestFirst = false, count }, schema) {
      for (const key of [fromKey, beforeKey ?? prefix])
        invariant(key.startsWith(prefix), `${key} does not start with ${prefix}`);
      const toKey = beforeKey ?? prefix + AFTER_ALL_KEYS;
      if ((count !== undefined && count <= 0) || fromKey >= toKey) return [];
      const found: (Versioned<z.infer<typeof schema>> & { readonly key: string })[] = [];
      const pages = paginateQuery(
        { client, ...(count !== undefined && { pageSize: count }) },
        {
          TableName: table,
          KeyConditionExpression: '#scope = :scope AND sk BETWEEN :from AND :to',
          ExpressionAttributeNames: { '#scope': 'scope' },
          ExpressionAttributeValues: { ':scope': scope, ':from': fromKey, ':to': toKey },
          ScanIndexForward: !newestFirst,
          ConsistentRead: true,
        },
      );
      try {
        for await (const page of pages) {
          for (const item of page.Items ?? []) {
            // BETWEEN includes its end.
            if (item.sk === beforeKey) continue;
            found.push(parseRecord(scope, item, schema));
            if (found.length === count) return found;
          }
        }
        return found;
      } catch (error) {
        throw storeError(`reading ${nameOf(scope, `${prefix}…`)}`, error);
      }
    },
  };
}

const nextRevision = (condition: RecordCondition): number =>
  'ifRevision' in condition ? condition.ifRevision + 1 : FIRST_REVISION;

const conditionExpressions = (condition: RecordCondition) =>
  'ifRevision' in condition
    ? {
        ConditionExpression: 'revision = :revision',
        ExpressionAttributeValues: { ':revision': condition.ifRevision },
      }
    : { ConditionExpression: 'attribute_not_exists(sk)' };

/** The plan in DynamoDB's language. Every name is replaced by a placeholder: ids and symbols may hold any character. */
function updateExpressions(plan: ItemPlan<unknown>) {
  const names = new Map<string, string>();
  const values: Record<string, unknown> = {};
  const name = (path: ItemPath) =>
    path
      .map((key) => {
        if (!names.has(key)) names.set(key, `#n${names.size}`);
        return names.get(key);
      })
      .join('.');
  const value = (given: unknown) => {
    const placeholder = `:v${Object.keys(values).length}`;
    values[placeholder] = given;
    return placeholder;
  };
  // An update of what is not there would create it.
  const conditions = ['attribute_exists(sk)'];
  for (const condition of plan.conditions) {
    const at = name(condition.path);
    if ('equals' in condition) conditions.push(`${at} = ${value(condition.equals)}`);
    else if ('absent' in condition) conditions.push(`attribute_not_exists(${at})`);
    else if ('sizeBelow' in condition) conditions.push(`size(${at}) < ${value(condition.sizeBelow)}`);
    else conditions.push(`${at} BETWEEN ${value(condition.between[0])} AND ${value(condition.between[1])}`);
  }
  const assignments: string[] = [];
  const removals: string[] = [];
  for (const change of plan.changes) {
    const at = name(change.path);
    if ('remove' in change) removals.push(at);
    else if ('set' in change) assignments.push(`${at} = ${value(change.set)}`);
    else assignments.push(`${at} = ${at} + ${value(change.add)}`);
  }
  const clause = (keyword: string, parts: readonly string[]) =>
    parts.length === 0 ? [] : [`${keyword} ${parts.join(', ')}`];
  return {
    ConditionExpression: conditions.join(' AND '),
    UpdateExpression: [...clause('SET', assignments), ...clause('REMOVE', removals)].join(' '),
    ExpressionAttributeNames: Object.fromEntries([...names].map(([key, placeholder]) => [placeholder, key])),
    ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
  };
}
