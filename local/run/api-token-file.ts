// The token of the HTTP API on this machine: created at the first start, in a file that only its owner may read.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describeFileFailure } from '../aws/host/local-start-error.ts';
import { readPrivateFile, replaceFile } from '../aws/host/private-file.ts';

const TOKEN_BYTES = 32;
const PATTERN = /^[A-Za-z0-9_-]{43}$/;

export const apiTokenFile = (stateDir: string): string => join(stateDir, 'api-token');

/**
 * The stored token, or a new one when none is stored or it is malformed. The file is written anew either way, so that no process
 * that could open the old one can read it. Throws LocalStartError, for a symbolic link too.
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
