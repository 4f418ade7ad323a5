// Settings that a deploy leaves in Parameter Store for the commands, such as the name of the stage's bucket.
import { GetParameterCommand, ParameterNotFound, type SSMClient } from '@aws-sdk/client-ssm';
import { StoreError } from '../../../core/store-error.ts';
import { storeError } from '../store-failure.ts';

/** Throws StoreError, also when there is no such parameter. */
export async function readTextParameter(client: SSMClient, name: string): Promise<string> {
  try {
    const { Parameter } = await client.send(new GetParameterCommand({ Name: name }));
    if (Parameter?.Value !== undefined) return Parameter.Value;
  } catch (error) {
    if (!(error instanceof ParameterNotFound)) throw storeError(`reading parameter ${name}`, error);
  }
  throw new StoreError(
    `there is no parameter ${name}: is the stage deployed, and are account and region right?`,
    {
      retryable: false,
    },
  );
}
