// The key by which SecureStrings are encrypted at rest: AES-256-GCM, each value bound to its name and version, so that none can be
// put in the place of another. It lies beside them for their owner alone: a copy of the parameters without it tells nothing.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { describeCorruptFile, describeFileFailure } from '../host/local-start-error.ts';
import { readPrivateFile, replaceFile } from '../host/private-file.ts';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export interface SsmKey {
  /** @param place what the value belongs to @returns base64 */
  seal(value: string, place: string): string;
  /** Throws for what was not sealed by this key for this place. */
  unseal(sealed: string, place: string): string;
}

/** @param path created with a new key when missing. Throws LocalStartError. */
export async function openSsmKey(path: string): Promise<SsmKey> {
  const saved = await readPrivateFile(path);
  const key = saved === undefined ? randomBytes(KEY_BYTES) : Buffer.from(saved.trim(), 'hex');
  if (key.length !== KEY_BYTES) throw describeCorruptFile(path, `it has not ${KEY_BYTES} bytes`);
  if (saved === undefined) {
    await replaceFile(path, `${key.toString('hex')}\n`).catch((error: unknown) => {
      throw describeFileFailure(path, error);
    });
  }
  return {
    seal: (value, place) => {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(place));
      const sealed = Buffer.concat([cipher.update(value, 'utf8'), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64');
    },
    unseal: (sealed, place) => {
      const bytes = Buffer.from(sealed, 'base64');
      const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      })
        .setAAD(Buffer.from(place))
        .setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      return (
        decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
      );
    },
  };
}
