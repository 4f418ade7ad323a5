// `qtrader logs` on the files that a run writes: what is told, in which order, and that a log is followed through its rotation.
import { spawn } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { formatLogLine } from '../../cli/format/log-line.ts';
import { functionNameOf } from '../../infra/catalog/shared-resources.ts';
import { listLogs, readLogs } from '../../local/run/log-files.ts';
import { QT, qtrader } from '../support/qtrader.ts';

let state: string;
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'qt-logs-'));
  await mkdir(join(state, 'logs'));
});
afterEach(() => rm(state, { recursive: true }));

const file = (name: string) => join(state, 'logs', `${name}.jsonl`);
const line = (second: number, message: string, level = 'INFO') =>
  `${JSON.stringify({
    level,
    message,
    timestamp: new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString(),
    service: 'infer',
    sampling_rate: 0,
    stage: 'local',
    run: { symbols: 3 },
  })}\n`;
const logs = (...more: string[]) => qtrader('logs', '--state', state, ...more);

describe('qtrader logs', () => {
  it('tells the lines of all functions in order of time, without metrics and what was cut short', async () => {
    await writeFile(
      file('infer'),
      `${line(1, 'first')}{"_aws":{}}\n${line(3, 'third', 'WARN')}{"level":"INF`,
    );
    await writeFile(file('execute'), line(2, 'second'));
    await writeFile(
      file('notifications'),
      '{"at":"2024-08-05T01:15:30.000Z","subject":"tripped","text":"why"}\n',
    );
    const all = await logs();
    expect(all).toMatchObject({ exitCode: 0, stderr: '' });
    expect(all.stdout).toBe(
      [
        '2026-01-01 00:00:01 INFO  infer: first {"run":{"symbols":3}}',
        '2026-01-01 00:00:02 INFO  execute: second {"run":{"symbols":3}}',
        '2026-01-01 00:00:03 WARN  infer: third {"run":{"symbols":3}}\n',
      ].join('\n'),
    );
    expect((await logs('--last', '1', '--json')).stdout).toBe(line(3, 'third', 'WARN'));
    expect((await logs('--level', 'warn')).stdout).toMatch(/^[^\n]+ third [^\n]+\n$/);
    expect((await logs('--function', 'notifications')).stdout).toBe(
      '2024-08-05 01:15:30 WARN  notifications: tripped {"text":"why"}\n',
    );
  });

  it('cuts a line at the width of the terminal only', async () => {
    await writeFile(file('infer'), line(1, 'x'.repeat(300)));
    const [logged] = readLogs(listLogs(state)).lines;
    expect(formatLogLine(logged!, 80)).toHaveLength(80);
    expect(formatLogLine(logged!)).toContain('x'.repeat(300));
  });

  it('reads the end of a log that has become long', async () => {
    await writeFile(file('infer'), line(1, 'old').repeat(60_000) + line(2, 'new'));
    const { lines, ends } = readLogs(listLogs(state));
    expect(lines.at(-1)).toMatchObject({ message: 'new', level: 'info' });
    expect([...ends.values()]).toEqual([Buffer.byteLength(line(1, 'old')) * 60_000 + line(2, 'new').length]);
    expect(lines.length).toBeLessThan(60_000);
  });

  it('follows new lines, through a rotation too, and misses and repeats none', async () => {
    await writeFile(file('infer'), line(1, 'before'));
    const child = spawn(process.execPath, [QT, 'logs', '-f', '--state', state]);
    let printed = '';
    child.stdout.on('data', (chunk) => {
      printed += chunk;
    });
    const shown = (message: string) =>
      vi.waitFor(() => expect(printed).toContain(`infer: ${message} `), { timeout: 60_000, interval: 50 });
    await shown('before');
    await appendFile(file('infer'), line(2, 'after'));
    await shown('after');
    await appendFile(file('infer'), line(3, 'last'));
    await rename(file('infer'), `${file('infer')}.1`);
    await writeFile(file('infer'), line(4, 'rotated'));
    await shown('rotated');
    child.kill();
    const messages = [...printed.matchAll(/infer: (\w+) /g)].map(([, message]) => message);
    expect(messages).toEqual(['before', 'after', 'last', 'rotated']);
  });

  it('says where the logs of a stage are, and refuses what does not log', async () => {
    const { exitCode, stdout } = await qtrader('logs', '--stage', 'prod', '--function', 'infer', '-f');
    expect([exitCode, stdout]).toEqual([
      0,
      `aws logs tail /aws/lambda/${functionNameOf('prod', 'infer')} --format short --follow\n`,
    ]);
    expect(await logs()).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/^error: no logs in/) });
    await writeFile(file('infer'), line(1, 'a'));
    expect(await logs('--function', 'nope')).toMatchObject({
      exitCode: 2,
      stderr: 'error: nothing called nope logs; these do: infer\n',
    });
  });
});
