// The settings of receivers, each an encrypted parameter. An address to which anyone can write who knows it is kept as a key is.
import { GetParametersCommand, type SSMClient } from '@aws-sdk/client-ssm';
import { StoreError } from '../../../core/store-error.ts';
import type { ReceiverStore } from '../../../notification/ports.ts';
import { RECEIVER_KINDS, type ReceiverKind } from '../../../notification/receiver-settings.ts';
import { storeError } from '../store-failure.ts';
import { removeParameter } from './remove-parameter.ts';
import { writeSecretParameter } from './write-secret-parameter.ts';

/** @param settings.parameterOf the name of a receiver's parameter. Throws StoreError. */
export function createSsmReceiverStore(settings: {
  client: SSMClient;
  parameterOf: (kind: ReceiverKind) => string;
}): ReceiverStore {
  const { client, parameterOf } = settings;
  return {
    async read() {
      const command = new GetParametersCommand({
        Names: RECEIVER_KINDS.map(parameterOf),
        WithDecryption: true,
      });
      const { Parameters = [] } = await client.send(command).catch((error: unknown) => {
        throw storeError('reading the receivers of notifications', error);
      });
      return new Map(
        RECEIVER_KINDS.flatMap((kind) => {
          const found = Parameters.find(({ Name }) => Name === parameterOf(kind));
          if (found?.Value === undefined) return [];
          if (found.Type !== 'SecureString')
            throw new StoreError(`parameter ${parameterOf(kind)} is not a SecureString`, {
              retryable: false,
            });
          return [[kind, found.Value] as const];
        }),
      );
    },
    write: (kind, value) => writeSecretParameter(client, { name: parameterOf(kind), value }),
    remove: (kind) => removeParameter(client, parameterOf(kind)),
  };
}
