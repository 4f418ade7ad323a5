// Files of candles, manifests and predictions that are damaged or made to do harm: refused with a reason, cheaply.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCandleFile } from '../../../lib/adapters/files/candle-folder.ts';
import { createFolderObjectStore } from '../../../lib/adapters/files/folder-object-store.ts';
import { openPredictionFile } from '../../../lib/adapters/files/prediction-file.ts';
import { parseEnsemble, parseManifest } from '../../../lib/models/parse-document.ts';
import { expectCheap } from '../../support/expect-cheap.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-hostile-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function fileOf(bytes: Uint8Array | string): Promise<string> {
  const file = join(folder, 'BTCUSDT.csv.gz');
  await writeFile(file, bytes);
  return file;
}

const CSV = `ts,open,high,low,close,volume\n${Array.from({ length: 50 }, (_, bar) => `${bar * 300_000},1,2,0.5,1.${bar},${bar}`).join('\n')}\n`;

describe('candles', () => {
  test('a gzip stream of megabytes that unpacks to hundreds is not unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(192 * 2 ** 20, '\n'));
    expect(bomb.length).toBeLessThan(2 ** 20);
    const file = await fileOf(bomb);
    const read = await expectCheap(() => readCandleFile(file));
    expect(read).toEqual({ ok: false, error: expect.stringMatching(/ERR_BUFFER_TOO_LARGE/) });
  });

  test('a file of line feeds ends at the first', async () => {
    const file = await fileOf(gzipSync(`${CSV}${'\n'.repeat(60 * 2 ** 20)}`));
    const read = await expectCheap(() => readCandleFile(file));
    expect(read).toEqual({ ok: false, error: expect.stringMatching(/line 52 has 1 columns, must be 6$/) });
  });

  test('a file with a hole of gigabytes is not read', async () => {
    const file = await fileOf('ts');
    await truncate(file, 8 * 2 ** 30);
    const read = await expectCheap(() => readCandleFile(file));
    expect(read).toEqual({
      ok: false,
      error: expect.stringMatching(/its 8589934592 bytes are more than the/),
    });
  });

  test.skipIf(process.platform === 'win32')(
    'neither a pipe that nobody writes to nor a device is waited for',
    async () => {
      const pipe = join(folder, 'pipe.csv');
      execFileSync('mkfifo', [pipe]);
      for (const path of [pipe, '/dev/zero'])
        expect(await readCandleFile(path)).toEqual({
          ok: false,
          error: expect.stringMatching(/not a regular file/),
        });
      await expect(createFolderObjectStore(folder).get('pipe.csv')).rejects.toThrow('not a regular file');
    },
  );

  test.each([
    ['as text', Buffer.from(CSV)],
    ['packed', gzipSync(CSV)],
  ])('whatever bytes of a file are damaged %s, it is refused or holds candles in order', async (_, valid) => {
    const damage = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
    });
    await fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        const bytes = Uint8Array.from(valid);
        for (const [at, byte] of changes) bytes[at] = byte;
        const read = await readCandleFile(await fileOf(bytes));
        if (!read.ok) {
          expect(read.error.length).toBeLessThan(600);
          return;
        }
        const { openTimeMs, low, high, close } = read.value;
        for (let bar = 0; bar < read.value.length; bar++) {
          expect(openTimeMs[bar]! % 300_000).toBe(0);
          expect(bar === 0 || openTimeMs[bar]! > openTimeMs[bar - 1]!).toBe(true);
          expect(close[bar]! >= low[bar]! && close[bar]! <= high[bar]!).toBe(true);
        }
      }),
      { numRuns: 400 },
    );
  });
});

test('predictions that a directory announces and the file does not hold are not made room for', async () => {
  const block = { symbol: 'BTCUSDT', key: 'k', offset: 0, rows: 500_000_000, members: 4, sha256: '' };
  const directory = Buffer.from(JSON.stringify({ symbols: [block] }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(directory.length));
  const file = join(folder, 'predictions');
  await writeFile(file, Buffer.concat([directory, length, Buffer.from('qtrader predictions 4\n')]));
  const opened = await expectCheap(() => openPredictionFile(file));
  if (!opened.ok) throw new Error(opened.error);
  expect(await opened.value.get('BTCUSDT', 'k')).toBeUndefined();
  await opened.value.close();
});

describe('documents', () => {
  test('one that is too large is not parsed', async () => {
    const bytes = new Uint8Array(9 * 2 ** 20).fill('['.charCodeAt(0));
    const parsed = await expectCheap(() => parseManifest(bytes, 'manifest'));
    expect(parsed).toEqual({ ok: false, error: expect.stringMatching(/too large for a document/) });
  });

  test('brackets as deep as there is room for are refused', async () => {
    const bytes = new Uint8Array(7 * 2 ** 20).fill('['.charCodeAt(0));
    expect((await expectCheap(() => parseManifest(bytes, 'manifest'))).ok).toBe(false);
  });

  test('any JSON at all is refused in one line', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (json) => {
        for (const parse of [parseManifest, parseEnsemble]) {
          const parsed = parse(Buffer.from(json), 'document');
          expect(parsed.ok ? 'accepted' : parsed.error).toMatch(/^document: [^\n]+$/);
        }
      }),
      { numRuns: 500 },
    );
  });
});
