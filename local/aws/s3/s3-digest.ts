// Checksums of an object's bytes, as S3 announces them: while they are received, and of a file that lies there already.
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { KIB } from '../../../lib/core/units.ts';

export const CHECKSUM_ALGORITHMS = ['crc32', 'sha1', 'sha256'] as const;
export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number];

export interface Digest {
  readonly bytes: number;
  /** MD5, hex: S3's ETag without its quotes. */
  readonly md5: string;
  /** Base64, as in the header `x-amz-checksum-<algorithm>`. */
  readonly checksum: string;
}

interface Digester {
  update(chunk: Buffer): void;
  digest(): Digest;
}

export function createDigester(algorithm: ChecksumAlgorithm): Digester {
  const md5 = createHash('md5');
  const sha = algorithm === 'crc32' ? undefined : createHash(algorithm);
  let crc = 0;
  let bytes = 0;
  return {
    update: (chunk) => {
      md5.update(chunk);
      if (sha === undefined) crc = crc32(chunk, crc);
      else sha.update(chunk);
      bytes += chunk.length;
    },
    digest: () => {
      const crcBytes = Buffer.alloc(4);
      crcBytes.writeUInt32BE(crc);
      return { bytes, md5: md5.digest('hex'), checksum: (sha?.digest() ?? crcBytes).toString('base64') };
    },
  };
}

const READ_BYTES = 256 * KIB;

export async function digestFile(handle: FileHandle, algorithm: ChecksumAlgorithm): Promise<Digest> {
  const digester = createDigester(algorithm);
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (let position = 0; ; ) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return digester.digest();
    digester.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
}
