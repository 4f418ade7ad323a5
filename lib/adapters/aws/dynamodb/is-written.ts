// The outcome of a conditional write.
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { storeError } from '../store-failure.ts';

/** Whether the write took place; false when its condition did not hold. Throws StoreError. */
export async function isWritten(write: Promise<unknown>, what: string): Promise<boolean> {
  try {
    await write;
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw storeError(what, error);
  }
}
