// Keys of the exchange account, encrypted in Parameter Store. What is read goes to the exchange's adapter and nowhere else.
import { GetParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';
import { StoreError } from '../../../core/store-error.ts';
import { storeError } from '../store-failure.ts';

/** Throws StoreError, also for a parameter that is not encrypted: a key that lay open is not to be used. */
export async function readSecretParameter(client: SSMClient, name: string): Promise<string> {
  const command = new GetParameterCommand({ Name: name, WithDecryption: true });
  const { Parameter } = await client.send(command).catch((error: unknown) => {
    throw storeError(`reading parameter ${name}`, error);
  });
  if (Parameter?.Type === 'SecureString' && Parameter.Value !== undefined) return Parameter.Value;
  throw new StoreError(`parameter ${name} is not a SecureString`, { retryable: false });
}
