// Sets an encrypted parameter, over the one that is there.
import { PutParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';
import { storeError } from '../store-failure.ts';

/** Throws StoreError. */
export async function writeSecretParameter(
  client: SSMClient,
  { name, value }: { readonly name: string; readonly value: string },
): Promise<void> {
  const command = new PutParameterCommand({
    Name: name,
    Value: value,
    Type: 'SecureString',
    Overwrite: true,
  });
  await client.send(command).catch((error: unknown) => {
    throw storeError(`writing parameter ${name}`, error);
  });
}
