// `qtrader notify`, as its user runs it, on the saved state of a local system: real HTTP, real encryption, no secret anywhere.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startEmbeddedAws } from '../../local/aws/embedded-aws.ts';
import { type MessageReceiver, startMessageReceiver } from '../support/notification/message-receiver.ts';
import { QT, type QtOutcome } from '../support/qtrader.ts';

let state: string;
let receiver: MessageReceiver;
const path = '/services/T0/B0/s3cr3t-of-slack';
const TOKEN = `123456:${'s3cr3t_of-telegram'.repeat(2)}`;

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'qt-notify-'));
  await (await startEmbeddedAws({ stateDir: state })).close();
  receiver = await startMessageReceiver();
});
afterAll(async () => {
  await receiver.close();
  await rm(state, { recursive: true });
});

function notify(args: readonly string[], input = ''): Promise<QtOutcome> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [QT, 'notify', ...args, '--state', state]);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('close', (exitCode) => done({ exitCode: exitCode ?? -1, stdout, stderr }));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

it.each([
  [['set', 'slack'], '', /standard input is empty: give the address/],
  [['set', 'slack'], 'http://hooks.example/s3cr3t', /url: must be an https:\/\/ address/],
  [['set', 'slack'], 'https://user:s3cr3t@hooks.example/', /url: must be an https:\/\/ address/],
  [
    ['set', 'slack', '--events', 'trip,nothing'],
    'https://a.example/',
    /there is no nothing: choose among trip, /,
  ],
  [['set', 'slack', '--chat', '1'], 'https://a.example/', /--chat and --api-url are for telegram/],
  [['set', 'telegram'], 's3cr3t', /telegram needs --chat/],
  [['set', 'telegram', '--chat', '1'], 's3cr3t', /botToken: must look like/],
  [['set', 'email', '--events', 'trip'], '', /events/],
  [['set', 'pager'], '', /webhook, telegram/],
])(
  '%j with %j is wrong usage, told in one line that repeats no secret',
  async (args, input, reason) => {
    const outcome = await notify(args, input);
    expect(outcome).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(reason) });
    expect(outcome.stderr).not.toContain('s3cr3t');
    expect(outcome.stderr.trim().split('\n')).toHaveLength(1);
  },
  60_000,
);

it('sets receivers, tests all of them, names the one that fails, and removes it', async () => {
  expect(await notify(['set', 'slack', '--events', 'trip,stop'], `${receiver.url}${path}\n`)).toMatchObject({
    exitCode: 0,
    stdout: 'slack is told of trip, stop, from the next minute on\n',
  });
  const hooked = await notify(['set', 'webhook'], `${receiver.url}/own`);
  expect(hooked.stdout).toMatch(/its signing secret, shown only now: whsec_[\w+/]{43}=\n$/);
  const chat = ['set', 'telegram', '--chat=-100123', '--api-url', receiver.url];
  expect(await notify(chat, TOKEN)).toMatchObject({ exitCode: 0 });
  const shown = await notify(['show']);
  expect(shown.stdout).toMatch(/^email +whoever subscribes to the topic {2}level, model_failure, daily$/m);
  expect(shown.stdout).toMatch(/^slack +127\.0\.0\.1:\d+ {2}trip, stop$/m);
  expect(shown.stdout).toMatch(/^telegram {2}chat -100123 {2}trip, reset, /m);

  expect(await notify(['test'])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/email: taken[\s\S]*slack: taken|slack: taken[\s\S]*email: taken/),
  });
  expect(receiver.received.map((each) => each.path).sort()).toEqual(
    [`/bot${TOKEN}/sendMessage`, '/own', path].sort(),
  );
  receiver.always = { kind: 'answers', status: 401, body: '{"description":"Unauthorized"}' };
  const failed = await notify(['test']);
  expect(failed).toMatchObject({ exitCode: 1, stderr: 'error: 3 of the receivers cannot be told\n' });
  expect(failed.stdout).toContain('telegram: FAILED: telegram: HTTP 401: Unauthorized');
  expect(await notify(['remove', 'telegram'])).toMatchObject({ exitCode: 0 });
  const left = await notify(['show', '--json']);
  expect(JSON.parse(left.stdout).receivers.map((each: { receiver: string }) => each.receiver)).toEqual([
    'email',
    'webhook',
    'slack',
  ]);

  const printed = [shown, failed, left].map(({ stdout, stderr }) => stdout + stderr).join();
  const files = readdirSync(state, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const stored = files.map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1')).join('\n');
  const signing = /whsec_(\S+)/.exec(hooked.stdout)![1]!;
  for (const secret of ['s3cr3t', signing]) {
    expect(printed).not.toContain(secret);
    expect(stored).not.toContain(secret);
  }
}, 300_000);
