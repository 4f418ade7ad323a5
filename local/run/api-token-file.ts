// The token of the HTTP API on this machine: created at the first start, in a file that only its owner may read.
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeFileFailure } from '../aws/local-start-error.ts';

const TOKEN_BYTES = 32;
const OWNER_ONLY = 0o600;
const PATTERN = /^[A-Za-z0-9_-]{43}$/;

export const apiTokenFile = (stateDir: string): string => join(stateDir, 'api-token');

/** The stored token, or a new one when none is stored or it is malformed. Throws LocalStartError. */
export function openApiToken(stateDir: string): string {
  const file = apiTokenFile(stateDir);
  try {
    const saved = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
    const token = PATTERN.test(saved) ? saved : randomBytes(TOKEN_BYTES).toString('base64url');
    if (token !== saved) writeFileSync(file, `${token}\n`, { mode: OWNER_ONLY });
    // The mode above applies to a new file only.
    chmodSync(file, OWNER_ONLY);
    return token;
  } catch (error) {
    throw describeFileFailure(file, error);
  }
}
