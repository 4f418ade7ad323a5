// Where the local run tells people: each thing once, however many have found it out.
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createFileNotifier } from '../../../lib/adapters/files/file-notifier.ts';
import { MINUTE_MS } from '../../../lib/core/units.ts';

let folder: string;
let nowMs: number;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-notifier-'));
  nowMs = Date.UTC(2024, 7, 5);
});
afterEach(() => rm(folder, { recursive: true }));

const file = () => join(folder, 'logs', 'notifications.jsonl');
const open = () => createFileNotifier({ path: file(), clock: { nowMs: () => nowMs } });
const texts = async () =>
  (await readFile(file(), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).text);

it('says what an operator and the circuit breaker both tell of a trip once', async () => {
  await open().notify({ subject: 'tripped', text: 'ada: a test' });
  nowMs += MINUTE_MS;
  await open().notify({ subject: 'tripped', text: 'ada: a test' });
  expect(await texts()).toEqual(['ada: a test']);
});

it('says what is new, what comes back later, and what it cannot compare', async () => {
  const notifier = open();
  await notifier.notify({ subject: 'tripped', text: 'a' });
  await notifier.notify({ subject: 'tripped', text: 'b' });
  await notifier.notify({ subject: 'tripped', text: 'a' });
  nowMs += 10 * MINUTE_MS;
  await notifier.notify({ subject: 'tripped', text: 'a' });
  expect(await texts()).toEqual(['a', 'b', 'a', 'a']);
  await appendFile(file(), '{"at":');
  await expect(notifier.notify({ subject: 'tripped', text: 'a' })).resolves.toBeUndefined();
  expect((await readFile(file(), 'utf8')).match(/"a"/g)).toHaveLength(4);
});
