// The token of the HTTP API on this machine: made at the first start, in a file that its owner alone may read.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describeFileFailure } from '../aws/local-start-error.ts';
import { readPrivateFile, replaceFile } from '../aws/private-file.ts';

const TOKEN_BYTES = 32;
const PATTERN = /^[A-Za-z0-9_-]{43}$/;

export const apiTokenFile = (stateDir: string): string => join(stateDir, 'api-token');

/**
 * The token that is there, or a new one where there is none or none that is whole. The file is written anew either way: one that
 * others could read is theirs alone no more. Throws LocalStartError, for a symbolic link too.
 */
export async function openApiToken(stateDir: string): Promise<string> {
  const file = apiTokenFile(stateDir);
  const saved = (await readPrivateFile(file))?.trim() ?? '';
  const token = PATTERN.test(saved) ? saved : randomBytes(TOKEN_BYTES).toString('base64url');
  await replaceFile(file, `${token}\n`).catch((error: unknown) => {
    throw describeFileFailure(file, error);
  });
  return token;
}
