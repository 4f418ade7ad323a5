// The embedded services on a disk that takes no more: the shell's limit on the size of a file stands for it, which fails a write
// in the same place. What was acknowledged stays, what is not stored is refused, and nothing ends the process.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { PutParameterCommand } from '@aws-sdk/client-ssm';
import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type AwsClients, createClients } from '../../../lib/adapters/aws/create-clients.ts';
import { ensureLocalResources } from '../../../lib/adapters/aws/resources.ts';
import { startEmbeddedAws } from '../../../local/aws/embedded-aws.ts';

const names = { bucket: 'qt-bucket', signalsTable: 'signals', riskTable: 'risk', stage: 'local' };
const FILE_BYTES_MAX = 256 * 1024;
const TableName = names.riskTable;

let stateDir: string;
let child: ChildProcess;
beforeEach(async () => {
  stateDir = await mkdtemp(`${tmpdir()}/qt-full-`);
});
afterEach(async () => {
  child.kill('SIGKILL');
  await rm(stateDir, { recursive: true });
});

async function startLimited(): Promise<AwsClients> {
  const source = `import { startEmbeddedAws } from './local/aws/embedded-aws.ts';
    const { endpoints } = await startEmbeddedAws({ stateDir: process.argv[1] });
    console.log(JSON.stringify(endpoints));`;
  const node = [process.execPath, '--import', 'tsx', '--input-type=module', '--eval', source, stateDir];
  // POSIX: in blocks of 512 bytes.
  const limited = `ulimit -f ${FILE_BYTES_MAX / 512} && exec "$@"`;
  child = spawn('sh', ['-c', limited, 'sh', ...node], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout!, 'data');
  return createClients(JSON.parse(String(line)));
}

it('refuses writes from the first that fails, keeps all before it, and lives', async () => {
  const clients = await startLimited();
  await ensureLocalResources(clients, names);
  const put = (sk: string) =>
    clients.dynamodb.send(
      new PutCommand({ TableName, Item: { scope: 'paper', sk, text: 'x'.repeat(9_000) } }),
    );
  const has = async ({ dynamodb }: AwsClients, sk: string) =>
    (await dynamodb.send(new GetCommand({ TableName, Key: { scope: 'paper', sk }, ConsistentRead: true })))
      .Item !== undefined;
  const stored: string[] = [];
  let refusal: unknown;
  for (let turn = 0; turn < 200 && refusal === undefined; turn++) {
    await put(`turn ${turn}`).then(
      () => stored.push(`turn ${turn}`),
      (error: unknown) => {
        refusal = error;
      },
    );
  }
  expect(stored.length).toBeGreaterThan(5);
  expect(refusal).toMatchObject({
    name: 'InternalServerError',
    message: expect.stringMatching(/takes no write any more \(.+\): free disk space, start again$/),
  });
  await expect(put('later')).rejects.toMatchObject({ name: 'InternalServerError' });
  for (const sk of stored) expect(await has(clients, sk)).toBe(true);
  expect(await has(clients, `turn ${stored.length}`)).toBe(false);
  const flag = { Name: '/qt/local/flags/EMERGENCY_MODE', Value: 'true', Overwrite: true };
  expect((await clients.ssm.send(new PutParameterCommand(flag))).Version).toBe(2);
  expect(child.exitCode).toBeNull();
  clients.close();
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;

  const aws = await startEmbeddedAws({ stateDir });
  const again = createClients(aws.endpoints);
  for (const sk of stored) expect(await has(again, sk)).toBe(true);
  await again.dynamodb.send(new PutCommand({ TableName, Item: { scope: 'paper', sk: 'after' } }));
  again.close();
  await aws.close();
});
