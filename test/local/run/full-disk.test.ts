// `npm start` on a disk that fills up while it runs: it goes on, closed, says so, and its stop API answers. The limit on the size
// of a process's files stands for the disk, and /dev/full for an output without room.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openApiToken } from '../../../local/run/api-token-file.ts';
import { QT, qtrader } from '../../support/qtrader.ts';

const FILE_BYTES_MAX = 64 * 1024;

let stateDir: string;
let child: ChildProcess;
let output: string;
beforeEach(async () => {
  stateDir = await mkdtemp(`${tmpdir()}/qt-full-`);
});
afterEach(async () => {
  child.kill('SIGKILL');
  await rm(stateDir, { recursive: true });
});

function start(stdout: 'pipe' | number, ...more: string[]): void {
  const args = [QT, 'start', '--generated', '--symbols', '2', '--speed', 'max', '--state', stateDir, ...more];
  child = spawn(process.execPath, args, { stdio: ['ignore', stdout, 'pipe'] });
  output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk) => {
      output += chunk;
    });
}

/** The output, once it holds this. */
async function outputWith(pattern: RegExp): Promise<string> {
  while (!pattern.test(output)) {
    const ended = once(child, 'exit').then(() => 'ended');
    const more = once(child.stdout!, 'data').then(() => 'more');
    if ((await Promise.race([ended, more])) === 'ended') throw new Error(`ended early: ${output}`);
  }
  return output;
}

it('goes on closed, and its stop API says what it could not do', { timeout: 180_000 }, async () => {
  await mkdir(`${stateDir}/logs`);
  await writeFile(`${stateDir}/logs/manage-positions.jsonl`, ' '.repeat(FILE_BYTES_MAX));
  start('pipe');
  const [, url] = /HTTP API: (http:\S+) /.exec(await outputWith(/\[1\] 2 signals/))!;
  execFileSync('prlimit', [`--pid=${child.pid}`, `--fsize=${FILE_BYTES_MAX}`]);
  await outputWith(/infer: .*the database takes no write any more/);

  const answer = await fetch(`${url}/api/emergency/stop`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await openApiToken(stateDir)}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ reason: 'a full disk' }),
  });
  const stopped = (await answer.json()) as { complete: boolean; failures: string[] };
  expect(answer.status).not.toBe(200);
  expect(stopped.complete).toBe(false);
  expect(stopped.failures.join()).toContain('free disk space');
  expect((await qtrader('status', '--state', stateDir)).stdout).toMatch(/OFF/);

  expect(child.exitCode).toBeNull();
  child.kill('SIGINT');
  const [exitCode] = await once(child, 'exit');
  expect(exitCode).toBe(0);
  expect(output).not.toMatch(/\n {4}at /);
  expect(output.match(/manage-positions\.jsonl is not written any more: EFBIG/g)).toHaveLength(1);
});

it('runs to its end when its output has no room, and says that once', { timeout: 120_000 }, async () => {
  start(openSync('/dev/full', 'w'), '--bars', '1');
  const [exitCode] = await once(child, 'exit');
  expect(exitCode).toBe(1);
  expect(output.match(/^error: .*$/gm)).toEqual([expect.stringContaining('standard output: ENOSPC')]);
  expect(output).not.toMatch(/\n {4}at /);
  expect(await readdir(stateDir)).toContain('replay.json');
  expect(JSON.parse(await readFile(`${stateDir}/replay.json`, 'utf8'))).toMatchObject({ fromMs: null });
});
