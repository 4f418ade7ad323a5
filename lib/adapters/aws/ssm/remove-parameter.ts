// Deletes a parameter with every earlier version: a secret that is not needed any more is kept nowhere.
import { DeleteParameterCommand, ParameterNotFound, type SSMClient } from '@aws-sdk/client-ssm';
import { storeError } from '../store-failure.ts';

/** Nothing when there is none. Throws StoreError. */
export async function removeParameter(client: SSMClient, name: string): Promise<void> {
  await client.send(new DeleteParameterCommand({ Name: name })).catch((error: unknown) => {
    if (!(error instanceof ParameterNotFound)) throw storeError(`removing parameter ${name}`, error);
  });
}
