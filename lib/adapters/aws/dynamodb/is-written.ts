// The outcome of a conditional write.
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { storeError, wasRetried } from '../store-failure.ts';

/**
 * Whether the write took place; false when its condition did not hold. Throws StoreError.
 * @param isOwn whether what stands there was written by this very write: a retried one, whose first answer was lost, is refused by
 * its own success. @default never
 */
export async function isWritten(
  write: Promise<unknown>,
  what: string,
  isOwn: () => Promise<boolean> = async () => false,
): Promise<boolean> {
  try {
    await write;
    return true;
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw storeError(what, error);
    return wasRetried(error) && isOwn();
  }
}
