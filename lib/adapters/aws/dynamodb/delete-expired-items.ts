// Deletes from a table what DynamoDB's time to live would: for the embedded DynamoDB, which has none, so that the state of a
// local system does not grow for ever.
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { DeleteCommand, type DynamoDBDocumentClient, paginateScan } from '@aws-sdk/lib-dynamodb';
import { SECOND_MS } from '../../../core/units.ts';
import type { TableDefinition } from '../resources.ts';
import { storeError } from '../store-failure.ts';

/** Deletes the expired items of one part of the table. Throws StoreError. @param part.index 0 … `of` − 1 */
export async function deleteExpiredItems(
  client: DynamoDBDocumentClient,
  table: { readonly name: string; readonly definition: TableDefinition },
  { nowMs, part }: { nowMs: number; part: { readonly index: number; readonly of: number } },
): Promise<void> {
  const { name: TableName, definition } = table;
  const { partitionKey, sortKey, timeToLiveAttribute } = definition;
  if (timeToLiveAttribute === undefined) return;
  const hasExpired = {
    ExpressionAttributeNames: { '#expires': timeToLiveAttribute },
    ExpressionAttributeValues: { ':now': Math.floor(nowMs / SECOND_MS) },
  };
  const pages = paginateScan(
    { client },
    {
      TableName,
      Segment: part.index,
      TotalSegments: part.of,
      FilterExpression: '#expires < :now',
      ...hasExpired,
    },
  );
  try {
    for await (const { Items = [] } of pages)
      for (const { [partitionKey.name]: partition, [sortKey.name]: sort } of Items)
        await client
          .send(
            new DeleteCommand({
              TableName,
              Key: { [partitionKey.name]: partition, [sortKey.name]: sort },
              // Written again since: it lives on.
              ConditionExpression: '#expires < :now',
              ...hasExpired,
            }),
          )
          .catch((error: unknown) => {
            if (!(error instanceof ConditionalCheckFailedException)) throw error;
          });
  } catch (error) {
    throw storeError(`deleting expired items of ${TableName}`, error);
  }
}
