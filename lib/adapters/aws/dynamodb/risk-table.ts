// What the gate and the records of the risk table have in common: reading one item, and the error that
// names an item which breaks its schema.
import { type DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import type * as z from 'zod';
import { StoreError } from '../../../core/store-error.ts';
import type { Scope } from '../../../risk/gate.ts';
import { storeError } from '../store-failure.ts';

export interface RiskTable {
  readonly client: DynamoDBDocumentClient;
  readonly table: string;
}

/** Attribute that tells one write from every other, of the same content too: by it a write whose answer was lost is recognised. */
export const WRITE_ID = 'writeId';

export const nameOf = ({ table }: RiskTable, scope: Scope, key: string): string =>
  `${scope}/${key} of ${table}`;

/** Names the item and the field. */
export function describeMalformed(name: string, error: z.ZodError): string {
  const { path, message } = error.issues[0]!;
  return `item ${name} is malformed: ${path.join('.')}: ${message}`;
}

export const malformedItem = (name: string, error: z.ZodError): StoreError =>
  new StoreError(describeMalformed(name, error), { cause: error, retryable: false });

/** Whether the item is as the write with this id left it. Throws StoreError. */
export async function isWrittenBy(
  riskTable: RiskTable,
  { scope, key, writeId }: { readonly scope: Scope; readonly key: string; readonly writeId: string },
): Promise<boolean> {
  const item = await readItem(riskTable, scope, key);
  return item?.[WRITE_ID] === writeId;
}

/** Strongly consistent. Throws StoreError. */
export async function readItem(
  riskTable: RiskTable,
  scope: Scope,
  key: string,
): Promise<Record<string, unknown> | undefined> {
  const { client, table } = riskTable;
  const command = new GetCommand({ TableName: table, Key: { scope, sk: key }, ConsistentRead: true });
  const answer = await client.send(command).catch((error: unknown) => {
    throw storeError(`reading ${nameOf(riskTable, scope, key)}`, error);
  });
  return answer.Item;
}
