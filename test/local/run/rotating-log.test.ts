// The logs of a run are bounded: no line of the newest is lost, and the disk is not filled.
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openLog } from '../../../local/run/rotating-log.ts';

const MB = 2 ** 20;
let state: string;
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'qt-log-'));
});
afterEach(() => rm(state, { recursive: true }));

it('keeps five files of about 10 MB, the newest lines whole and in order, for their owner alone', async () => {
  const warned: string[] = [];
  const log = openLog(state, 'infer', (text) => warned.push(text));
  const line = (index: number) => `${JSON.stringify({ index, text: 'x'.repeat(100_000) })}\n`;
  const lines = 900;
  for (let index = 0; index < lines; index++)
    await new Promise<void>((written) => log.write(line(index), () => written()));
  await new Promise<void>((ended) => log.end(ended));
  expect(warned).toEqual([]);
  const logs = join(state, 'logs');
  const names = (await readdir(logs)).sort();
  expect(names).toEqual(['infer.jsonl', 'infer.jsonl.1', 'infer.jsonl.2', 'infer.jsonl.3', 'infer.jsonl.4']);
  for (const name of names) {
    const { size, mode } = await stat(join(logs, name));
    expect(size).toBeLessThan(11 * MB);
    expect(mode & 0o077).toBe(0);
  }
  const texts = await Promise.all(names.toReversed().map((name) => readFile(join(logs, name), 'utf8')));
  const indexes = texts
    .join('')
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text).index as number);
  expect(indexes.at(-1)).toBe(lines - 1);
  expect(indexes).toEqual(Array.from({ length: indexes.length }, (_, at) => lines - indexes.length + at));

  // The next run goes on in the same file.
  const again = openLog(state, 'infer', (text) => warned.push(text));
  await new Promise<void>((written) => again.write(line(lines), () => written()));
  await new Promise<void>((ended) => again.end(ended));
  expect((await readFile(join(logs, 'infer.jsonl'), 'utf8')).trim().split('\n').at(-1)).toContain(
    `"index":${lines}`,
  );
  expect(warned).toEqual([]);
}, 120_000);
