// An archive whose files are damaged or made to do harm, each with the checksum that goes with it: refused, cheaply, and never the process's
// end. Asked through a real server.
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createBinanceArchive } from '../../../lib/adapters/binance/market/binance-archive.ts';
import type { CandleArchive } from '../../../lib/market/ports.ts';
import { expectCheap } from '../../support/expect-cheap.ts';

const NAME = 'BTCUSDT-5m-2024-08-05';
const START_MS = Date.UTC(2024, 7, 5);
let file: Uint8Array = new Uint8Array(0);
let server: Server;
let archive: CandleArchive;

/** @param page status of a long page that stands in for every file */
async function open(page?: number) {
  const listening = createServer(({ url }, response) => {
    if (page !== undefined) return response.writeHead(page).end('<p>'.repeat(50_000));
    const sha256 = createHash('sha256').update(file).digest('hex');
    return response.end(url!.endsWith('.CHECKSUM') ? `${sha256}  ${NAME}.zip\n` : file);
  });
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as AddressInfo;
  const reader = createBinanceArchive({
    exchange: 'binanceusdm',
    baseUrl: `http://127.0.0.1:${port}`,
    sleep: async () => {},
    attempts: 1,
  });
  return { listening, reader };
}
beforeAll(async () => {
  const opened = await open();
  server = opened.listening;
  archive = opened.reader;
});
afterAll(() => server.close());

const csvOf = (bars: number) =>
  Array.from({ length: bars }, (_, bar) => {
    const openMs = START_MS + bar * 300_000;
    return `${openMs},1,2,0.5,1.5,10,${openMs + 299_999},15,3,5,7,0`;
  }).join('\n');
const valid = zipSync({ [`${NAME}.csv`]: Buffer.from(csvOf(288)) });

function answerTo(bytes: Uint8Array) {
  file = bytes;
  return archive.candles({ symbol: 'BTCUSDT', period: '2024-08-05' });
}

test('a file as published is read', async () => {
  expect(await answerTo(valid)).toMatchObject({ ok: true, value: { length: 288 } });
});

test.each([
  [404, { ok: true, value: undefined }],
  [418, { ok: false, error: { code: 'banned' } }],
  [429, { ok: false, error: { code: 'rate_limited' } }],
  [503, { ok: false, error: { code: 'unavailable' } }],
  [400, { ok: false, error: { code: 'rejected' } }],
])(
  'a long page with status %i is what its status says, not a file that is too long',
  async (status, said) => {
    const { listening, reader } = await open(status);
    expect(await reader.candles({ symbol: 'BTCUSDT', period: '2024-08-05' })).toMatchObject(said);
    listening.close();
  },
);

test.each<[string, () => Uint8Array, RegExp]>([
  [
    'unpacks to dozens of times what a month has',
    () => zipSync({ [`${NAME}.csv`]: Buffer.alloc(40e6) }, { level: 1 }),
    /holds no/,
  ],
  [
    'says it is small and is not',
    () => {
      const bomb = zipSync({ [`${NAME}.csv`]: Buffer.alloc(40e6, '1') }, { level: 1 });
      // The declared size, in the entry and in the directory.
      const view = new DataView(bomb.buffer, bomb.byteOffset, bomb.byteLength);
      for (let at = 0; at < bomb.length - 46; at++) {
        const signature = view.getUint32(at, true);
        if (signature === 0x04034b50) view.setUint32(at + 22, 1000, true);
        if (signature === 0x02014b50) view.setUint32(at + 24, 1000, true);
      }
      return bomb;
    },
    /./,
  ],
  ['is larger than a month, packed', () => Buffer.alloc(5 * 2 ** 20), /answered more than 4194304 bytes/],
  ['holds another file', () => zipSync({ 'other.csv': Buffer.from('1') }), /holds no/],
  ['is no zip', () => Buffer.from('<html>'), /cannot be unpacked/],
])('a file that %s is refused', async (_, build, why) => {
  const bytes = build();
  const answer = await expectCheap(() => answerTo(bytes));
  expect(answer).toEqual({
    ok: false,
    error: expect.objectContaining({ message: expect.stringMatching(why) }),
  });
});

test('whatever bytes are damaged, the file is refused or holds candles of its day', async () => {
  const damage = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.integer({ min: 0, max: 255 })), {
    minLength: 1,
    maxLength: 4,
  });
  await expectCheap(() =>
    fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        const bytes = Uint8Array.from(valid);
        for (const [at, byte] of changes) bytes[at] = byte;
        const answer = await answerTo(bytes);
        if (!answer.ok || answer.value === undefined) return;
        for (const openMs of answer.value.openTimeMs) expect(openMs).toBeGreaterThanOrEqual(START_MS);
        expect(answer.value.length).toBeLessThanOrEqual(288);
      }),
      { numRuns: 100 },
    ),
  );
});
