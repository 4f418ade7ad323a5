// The tokens of a stage's HTTP API, in one encrypted parameter. A running function follows a change within a minute.

import type { ServiceEndpoints } from '../../adapters/aws/client-settings.ts';
import { createClients } from '../../adapters/aws/create-clients.ts';
import { readSecretParameter } from '../../adapters/aws/ssm/read-secret-parameter.ts';
import { writeSecretParameter } from '../../adapters/aws/ssm/write-secret-parameter.ts';
import { type ApiToken, apiTokensSchema, type TokenRole } from '../../api/api-token.ts';
import { sha256Of } from '../../core/hash.ts';
import { StoreError } from '../../core/store-error.ts';
import { apiTokensParameter } from '../config/stage.ts';

type ParameterClient = ReturnType<typeof createClients>['ssm'];

/** Throws StoreError: for a parameter that is missing or malformed, one that no retry helps. */
export async function readApiTokens(ssm: ParameterClient, stage: string): Promise<readonly ApiToken[]> {
  const name = apiTokensParameter(stage);
  const tokens = apiTokensSchema.safeParse(parseJson(await readSecretParameter(ssm, name)));
  if (tokens.success) return tokens.data;
  throw new StoreError(`parameter ${name} is malformed: remove it and issue the tokens again`, {
    retryable: false,
  });
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

export interface ApiTokenStore {
  /** Empty when no token was ever issued. Throws StoreError. */
  list(): Promise<readonly ApiToken[]>;
  /** Replaces the token that this name has. Throws StoreError. */
  issue(holder: { readonly name: string; readonly role: TokenRole; readonly token: string }): Promise<void>;
  /** @returns whether the name had one. Throws StoreError. */
  revoke(name: string): Promise<boolean>;
}

export function openApiTokens(ssm: ParameterClient, stage: string): ApiTokenStore {
  const list = async (): Promise<readonly ApiToken[]> => {
    try {
      return await readApiTokens(ssm, stage);
    } catch (error) {
      if (error instanceof StoreError && isMissing(error)) return [];
      throw error;
    }
  };
  const write = async (tokens: readonly ApiToken[]) => {
    const valid = apiTokensSchema.safeParse(tokens);
    if (!valid.success)
      throw new StoreError(`the tokens cannot be stored: ${valid.error.issues[0]!.message}`, {
        retryable: false,
      });
    await writeSecretParameter(ssm, { name: apiTokensParameter(stage), value: JSON.stringify(tokens) });
  };
  return {
    list,
    async issue({ name, role, token }) {
      const others = (await list()).filter((each) => each.name !== name);
      await write([...others, { name, role, sha256: sha256Of(token) }]);
    },
    async revoke(name) {
      const tokens = await list();
      const others = tokens.filter((each) => each.name !== name);
      if (others.length === tokens.length) return false;
      await write(others);
      return true;
    },
  };
}

const isMissing = ({ cause }: StoreError): boolean =>
  cause instanceof Error && cause.name === 'ParameterNotFound';

/** Throws StoreError. @param endpoints @default those of the environment */
export async function issueApiToken(
  stage: string,
  holder: Parameters<ApiTokenStore['issue']>[0],
  endpoints?: ServiceEndpoints,
): Promise<void> {
  const clients = createClients(endpoints);
  try {
    await openApiTokens(clients.ssm, stage).issue(holder);
  } finally {
    clients.close();
  }
}
