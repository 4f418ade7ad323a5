// The body of a PutObject: taken to a file while it is hashed, and refused unless every length and checksum that the client
// announced holds. The SDK sends streams in `aws-chunked` form, with the checksum in a trailer.
import { createHash, randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';
import { S3Error } from './s3-error.ts';

export const CHECKSUM_ALGORITHMS = ['crc32', 'sha1', 'sha256'] as const;
export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number];
const CHECKSUM_HEADER = 'x-amz-checksum-';
const CHUNK_LINE_BYTES_MAX = 16 * 1024;

export interface Digest {
  readonly bytes: number;
  /** MD5, hex: S3's ETag without its quotes. */
  readonly md5: string;
  /** Base64, as in the header `x-amz-checksum-<algorithm>`. */
  readonly checksum: string;
}

export interface Upload extends Digest {
  /** Holds the received bytes, flushed to disk. Whoever has the upload moves it or removes it. */
  readonly temporaryPath: string;
  readonly algorithm: ChecksumAlgorithm;
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

/** Receives and verifies a body; throws S3Error and leaves no file behind when anything about it is wrong. */
export async function receiveBody(request: IncomingMessage, temporaryDir: string): Promise<Upload> {
  const { headers } = request;
  const algorithm = announcedAlgorithm(headers);
  const trailers = new Map<string, string>();
  const isChunked = /\baws-chunked\b/.test(headers['content-encoding'] ?? '');
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined)
    throw new S3Error('MissingContentLength', 'You must provide the Content-Length HTTP header.');
  const chunks = isChunked ? decodeAwsChunked(request, trailers) : (request as AsyncIterable<Buffer>);

  const temporaryPath = `${temporaryDir}/${randomUUID()}`;
  try {
    const contentSha256 = createHash('sha256');
    const digester = createDigester(algorithm);
    await writeChunks(chunks, temporaryPath, (chunk) => {
      contentSha256.update(chunk);
      digester.update(chunk);
    });
    const upload = { ...digester.digest(), temporaryPath, algorithm };
    verify(upload, headers, trailers, contentSha256.digest('hex'));
    return upload;
  } catch (error) {
    await rm(temporaryPath, { force: true });
    throw error;
  }
}

async function writeChunks(
  chunks: AsyncIterable<Buffer>,
  path: string,
  onChunk: (chunk: Buffer) => void,
): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    for await (const chunk of chunks) {
      onChunk(chunk);
      await handle.writeFile(chunk);
    }
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

function announcedAlgorithm(headers: IncomingHttpHeaders): ChecksumAlgorithm {
  const trailer = String(headers['x-amz-trailer'] ?? '');
  const names = [...Object.keys(headers), ...trailer.split(',').map((name) => name.trim().toLowerCase())];
  const announced = names
    .filter((name) => name.startsWith(CHECKSUM_HEADER) && name !== `${CHECKSUM_HEADER}algorithm`)
    .map((name) => name.slice(CHECKSUM_HEADER.length));
  if (announced.length === 0) return 'crc32';
  const known = CHECKSUM_ALGORITHMS.find((algorithm) => algorithm === announced[0]);
  if (known === undefined || announced.length > 1) {
    throw new S3Error('NotImplemented', `Checksums ${announced.join(', ')} are not implemented here.`);
  }
  return known;
}

function verify(
  upload: Upload,
  headers: IncomingHttpHeaders,
  trailers: ReadonlyMap<string, string>,
  contentSha256: string,
): void {
  const decodedLength = headers['x-amz-decoded-content-length'];
  if (decodedLength !== undefined && Number(decodedLength) !== upload.bytes) {
    throw new S3Error(
      'IncompleteBody',
      'You did not provide the number of bytes specified by the Content-Length HTTP header',
    );
  }
  const announcedMd5 = headers['content-md5'];
  if (
    announcedMd5 !== undefined &&
    Buffer.from(String(announcedMd5), 'base64').toString('hex') !== upload.md5
  ) {
    throw new S3Error('BadDigest', 'The Content-MD5 you specified did not match what we received.');
  }
  const checksumHeader = `${CHECKSUM_HEADER}${upload.algorithm}`;
  const isInTrailer = headers['x-amz-trailer'] !== undefined;
  const announcedChecksum = isInTrailer ? trailers.get(checksumHeader) : headers[checksumHeader];
  if (isInTrailer && announcedChecksum === undefined)
    throw new S3Error('IncompleteBody', `The trailer ${checksumHeader} is missing.`);
  if (announcedChecksum !== undefined && announcedChecksum !== upload.checksum) {
    throw new S3Error(
      'BadDigest',
      `The ${upload.algorithm.toUpperCase()} you specified did not match the calculated checksum.`,
    );
  }
  const announcedSha256 = String(headers['x-amz-content-sha256'] ?? '');
  if (/^[0-9a-f]{64}$/.test(announcedSha256) && announcedSha256 !== contentSha256) {
    throw new S3Error(
      'XAmzContentSHA256Mismatch',
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
    );
  }
}

/**
 * Payload of an `aws-chunked` body: `<hex size>[;chunk-signature=…]\r\n<bytes>\r\n` … `0\r\n` trailers `\r\n`. Chunk signatures
 * are not verified, as no signature is. Throws IncompleteBody for a body that ends early or breaks the format.
 */
async function* decodeAwsChunked(
  source: AsyncIterable<Buffer>,
  trailers: Map<string, string>,
): AsyncGenerator<Buffer> {
  const reader = createReader(source);
  for (;;) {
    const sizeText = (await reader.line()).split(';')[0]!;
    if (!/^[0-9a-fA-F]{1,8}$/.test(sizeText)) throw incomplete(`chunk size ${JSON.stringify(sizeText)}`);
    let left = Number.parseInt(sizeText, 16);
    if (left === 0) break;
    while (left > 0) {
      const piece = await reader.upTo(left);
      left -= piece.length;
      yield piece;
    }
    if ((await reader.line()) !== '') throw incomplete('a chunk is longer than its size');
  }
  for (let line = await reader.line(); line !== ''; line = await reader.line()) {
    const colon = line.indexOf(':');
    trailers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
}

const incomplete = (what: string) => new S3Error('IncompleteBody', `The chunked body is broken: ${what}.`);

function createReader(source: AsyncIterable<Buffer>) {
  const iterator = source[Symbol.asyncIterator]();
  let pending: Buffer = Buffer.alloc(0);
  const more = async () => {
    const next = await iterator.next();
    if (next.done === true) throw incomplete('it ends early');
    pending = pending.length === 0 ? next.value : Buffer.concat([pending, next.value]);
  };
  return {
    /** Next line without its CRLF. */
    line: async (): Promise<string> => {
      for (;;) {
        const end = pending.indexOf('\r\n');
        if (end >= 0) {
          const text = pending.subarray(0, end).toString('latin1');
          pending = pending.subarray(end + 2);
          return text;
        }
        if (pending.length > CHUNK_LINE_BYTES_MAX) throw incomplete('a line is too long');
        await more();
      }
    },
    /** At least 1 and at most `bytesMax` bytes. */
    upTo: async (bytesMax: number): Promise<Buffer> => {
      if (pending.length === 0) await more();
      const piece = pending.subarray(0, bytesMax);
      pending = pending.subarray(piece.length);
      return piece;
    },
  };
}
