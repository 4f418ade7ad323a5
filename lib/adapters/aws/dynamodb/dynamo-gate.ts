// The gate items of the risk table and their one conditional write.
//
// An answer that is lost is asked for again by the SDK, and the second request then meets the first one's write. It is recognised
// while it stands; once another write has followed, the commit reports the denial that its own write caused (`duplicate`). That errs
// on the side of not trading.
import { randomUUID } from 'node:crypto';
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { failure, success } from '../../../core/result.ts';
import { StoreError } from '../../../core/store-error.ts';
import { type GateItem, gateItemSchema, type Scope } from '../../../risk/gate.ts';
import { firstDenial } from '../../../risk/item-plan.ts';
import type { RiskStore } from '../../../risk/ports.ts';
import { storeError } from '../store-failure.ts';
import { isWritten } from './is-written.ts';
import { isWrittenBy, malformedItem, nameOf, type RiskTable, readItem, WRITE_ID } from './risk-table.ts';
import { updateExpressions } from './update-expressions.ts';

const GATE_KEY = 'gate';
/** How often a refused write is tried again because the item, read afterwards, would have allowed it. */
const COMMIT_ATTEMPTS = 5;

export function createDynamoGate(
  riskTable: RiskTable,
): Pick<RiskStore, 'readGate' | 'createGate' | 'closeLatch' | 'commit'> {
  const { client, table } = riskTable;
  const gateName = (scope: Scope) => nameOf(riskTable, scope, GATE_KEY);

  function parseGate(scope: Scope, item: unknown): GateItem {
    const gate = gateItemSchema.safeParse(item);
    if (!gate.success) throw malformedItem(gateName(scope), gate.error);
    return gate.data;
  }

  async function readGate(scope: Scope): Promise<GateItem | undefined> {
    const item = await readItem(riskTable, scope, GATE_KEY);
    return item === undefined ? undefined : parseGate(scope, item);
  }

  return {
    readGate,

    async createGate(scope, gate) {
      const writeId = randomUUID();
      const command = new PutCommand({
        TableName: table,
        Item: { ...gateItemSchema.parse(gate), scope, sk: GATE_KEY, [WRITE_ID]: writeId },
        ConditionExpression: 'attribute_not_exists(sk)',
      });
      const isOwn = () => isWrittenBy(riskTable, { scope, key: GATE_KEY, writeId });
      const isCreated = await isWritten(client.send(command), `creating ${gateName(scope)}`, isOwn);
      return isCreated ? 'created' : 'exists';
    },

    async closeLatch(scope) {
      // Names no attribute but these, and reads none: the emergency policy allows nothing more.
      const command = new UpdateCommand({
        TableName: table,
        Key: { scope, sk: GATE_KEY },
        ConditionExpression: 'attribute_exists(sk)',
        // Of its own: a commit that was under way must not take a gate that has closed since for what it wrote.
        UpdateExpression: `SET latch = :tripped, ${WRITE_ID} = :writeId`,
        ExpressionAttributeValues: { ':tripped': 'TRIPPED', ':writeId': randomUUID() },
      });
      const name = gateName(scope);
      return (await isWritten(client.send(command), `closing ${name}`)) ? 'closed' : 'gate_missing';
    },

    async commit(scope, plan) {
      const writeId = randomUUID();
      const command = new UpdateCommand({
        TableName: table,
        Key: { scope, sk: GATE_KEY },
        ReturnValues: 'ALL_NEW',
        ...updateExpressions(plan, { [WRITE_ID]: writeId }),
      });
      for (let attempt = 1; attempt <= COMMIT_ATTEMPTS; attempt++) {
        try {
          const { Attributes } = await client.send(command);
          return success(parseGate(scope, Attributes));
        } catch (error) {
          if (!(error instanceof ConditionalCheckFailedException))
            throw storeError(`writing ${gateName(scope)}`, error);
        }
        const item = await readItem(riskTable, scope, GATE_KEY);
        if (item === undefined) return failure('gate_missing');
        const gate = parseGate(scope, item);
        if (item[WRITE_ID] === writeId) return success(gate);
        const denial = firstDenial(gate, plan);
        if (denial !== undefined) return failure(denial);
      }
      throw new StoreError(`writing ${gateName(scope)} failed: it changes too often`, { retryable: true });
    },
  };
}
