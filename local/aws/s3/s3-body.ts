// The body of a PutObject: taken to a file while it is hashed, and refused unless every length and checksum that the client
// announced holds. The SDK sends streams in `aws-chunked` form, with the checksum in a trailer.
import { randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { KIB } from '../../../lib/core/units.ts';
import type { LocalRequest } from '../host/http-listener.ts';
import { CHECKSUM_ALGORITHMS, type ChecksumAlgorithm, createDigester, type Digest } from './s3-digest.ts';
import { S3Error } from './s3-error.ts';

const CHECKSUM_HEADER = 'x-amz-checksum-';
const CHUNK_LINE_BYTES_MAX = 16 * KIB;

export interface Upload extends Digest {
  /** Holds the received bytes, flushed to disk. Whoever has the upload moves it or removes it. */
  readonly temporaryPath: string;
  readonly algorithm: ChecksumAlgorithm;
}

/** Receives and verifies a body; throws S3Error and leaves no file behind when anything about it is wrong. */
export async function receiveBody(request: LocalRequest, temporaryDir: string): Promise<Upload> {
  const { headers } = request;
  const algorithm = announcedAlgorithm(headers);
  const trailers = new Map<string, string>();
  const isChunked = /\baws-chunked\b/.test(headers['content-encoding'] ?? '');
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined)
    throw new S3Error('MissingContentLength', 'You must provide the Content-Length HTTP header.');
  const chunks = isChunked ? decodeAwsChunked(request, trailers) : request;

  const temporaryPath = `${temporaryDir}/${randomUUID()}`;
  try {
    const digester = createDigester(algorithm);
    await writeChunks(chunks, temporaryPath, digester.update);
    const upload = { ...digester.digest(), temporaryPath, algorithm };
    verify(upload, headers, trailers);
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

function verify(upload: Upload, headers: IncomingHttpHeaders, trailers: ReadonlyMap<string, string>): void {
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
