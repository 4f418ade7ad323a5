// The state of the embedded endpoints under what happens to it: restarts, kills, a second process, damaged and deleted files,
// folders without permission, busy ports, and clients that break off in the middle.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { GetParameterCommand, PutParameterCommand } from '@aws-sdk/client-ssm';
import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AwsClients, createClients } from '../../lib/adapters/aws/create-clients.ts';
import { ensureLocalResources } from '../../lib/adapters/aws/resources.ts';
import { createS3ObjectStore } from '../../lib/adapters/aws/s3/s3-object-store.ts';
import type { ObjectStore } from '../../lib/core/ports.ts';
import { HOUR_MS } from '../../lib/core/units.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../../local/aws/embedded-aws.ts';
import { LocalStartError } from '../../local/aws/host/local-start-error.ts';
import { becomeOrdinaryUser } from '../support/ordinary-user.ts';

const names = { bucket: 'qt-bucket', signalsTable: 'signals', riskTable: 'risk', stage: 'local' };
const bytes = (text: string) => new TextEncoder().encode(text);

let stateDir: string;
let aws: EmbeddedAws | undefined;
let clients: AwsClients;
let store: ObjectStore;

async function start(): Promise<void> {
  aws = await startEmbeddedAws({ stateDir });
  clients = createClients(aws.endpoints);
  store = createS3ObjectStore({ client: clients.s3, bucket: names.bucket });
}
async function stop(): Promise<void> {
  if (aws === undefined) return;
  clients.close();
  await aws.close();
  aws = undefined;
}
async function restart(): Promise<void> {
  await stop();
  await start();
}
async function startFailure(options: Partial<Parameters<typeof startEmbeddedAws>[0]> = {}): Promise<string> {
  const error = await startEmbeddedAws({ stateDir, ...options }).then(
    async (started) => {
      await started.close();
      return undefined;
    },
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(LocalStartError);
  const { message } = error as Error;
  expect(message).not.toContain('\n');
  return message;
}
const textOf = async (key: string, versionId?: string) => {
  const object = await store.get(key, versionId);
  return object && new TextDecoder().decode(object.body);
};
const versionOf = async (key: string, text: string) => {
  const outcome = await store.put(key, bytes(text));
  return outcome.outcome === 'stored' ? outcome.info.versionId! : '';
};
const putRisk = (sk: string) =>
  clients.dynamodb.send(new PutCommand({ TableName: names.riskTable, Item: { scope: 'paper', sk } }));
const hasRisk = async (sk: string) =>
  (await clients.dynamodb.send(new GetCommand({ TableName: names.riskTable, Key: { scope: 'paper', sk } })))
    .Item !== undefined;
const flag = async (name: string) => {
  const { Parameter } = await clients.ssm.send(new GetParameterCommand({ Name: `/qt/local/flags/${name}` }));
  return [Parameter?.Value, Parameter?.Version];
};

beforeEach(async () => {
  stateDir = await mkdtemp(`${tmpdir()}/qt-state-`);
  await start();
  await ensureLocalResources(clients, names);
});
afterEach(async () => {
  await stop();
  await rm(stateDir, { recursive: true, force: true });
});

describe('restarts', () => {
  it('keep tables, objects with their versions, and flags', async () => {
    await putRisk('gate');
    const first = await versionOf('ensembles/current.json', '1');
    const second = await versionOf('ensembles/current.json', '2');
    const Name = '/qt/local/flags/EMERGENCY_MODE';
    await clients.ssm.send(new PutParameterCommand({ Name, Value: 'true', Overwrite: true }));
    const before = await store.list('');
    for (let round = 0; round < 2; round++) {
      await restart();
      await ensureLocalResources(clients, names);
      expect(await hasRisk('gate')).toBe(true);
      expect(await textOf('ensembles/current.json')).toBe('2');
      expect(await textOf('ensembles/current.json', first)).toBe('1');
      expect(await textOf('ensembles/current.json', second)).toBe('2');
      expect(await store.list('')).toEqual(before);
      expect(await flag('EMERGENCY_MODE')).toEqual(['true', 2]);
    }
  });

  it('lay the current data of each key where a person finds it', async () => {
    await versionOf('models/x/v1/model.onnx', 'old');
    await versionOf('models/x/v1/model.onnx', 'new');
    const path = `${stateDir}/s3/${names.bucket}/models/x/v1/model.onnx`;
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await readdir(`${stateDir}/s3/.index/.temporary`)).toEqual([]);
  });
});

describe('kill -9 in the middle of writing', () => {
  let child: ChildProcess;
  afterEach(() => {
    child.kill('SIGKILL');
  });

  async function startChild(): Promise<{ endpoints: EmbeddedAws['endpoints'] }> {
    const source = `import { startEmbeddedAws } from './local/aws/embedded-aws.ts';
      const { endpoints } = await startEmbeddedAws({ stateDir: process.argv[1] });
      console.log(JSON.stringify({ endpoints }));`;
    child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', source, stateDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(child.stdout!, 'data');
    return JSON.parse(String(line));
  }

  it('loses nothing that was acknowledged, and the folder opens again', async () => {
    await stop();
    const { endpoints } = await startChild();
    expect(await startFailure()).toMatch(/in use by another process/);
    const remote = createClients(endpoints);
    const remoteStore = createS3ObjectStore({ client: remote.s3, bucket: names.bucket });
    const acknowledged = { risk: [] as string[], pointer: '', versions: new Map<string, string>(), flag: 0 };
    const killed = once(child, 'exit');
    const writeUntilKilled = async (write: (turn: number) => Promise<void>) => {
      try {
        for (let turn = 0; child.exitCode === null && child.signalCode === null; turn++) await write(turn);
      } catch {
        // The endpoint is gone: what was acknowledged until now counts.
      }
    };
    const writers = [
      writeUntilKilled(async (turn) => {
        const Item = { scope: 'paper', sk: `turn ${turn}` };
        await remote.dynamodb.send(new PutCommand({ TableName: names.riskTable, Item }));
        acknowledged.risk.push(`turn ${turn}`);
        if (turn === 40) child.kill('SIGKILL');
      }),
      writeUntilKilled(async (turn) => {
        const text = `${turn} `.repeat(1000);
        const outcome = await remoteStore.put('pointer', bytes(text));
        if (outcome.outcome === 'stored') acknowledged.versions.set(outcome.info.versionId!, text);
        acknowledged.pointer = text;
      }),
      writeUntilKilled(async () => {
        const Name = '/qt/local/flags/EMERGENCY_MODE';
        const command = new PutParameterCommand({ Name, Value: 'true', Overwrite: true });
        acknowledged.flag = (await remote.ssm.send(command)).Version!;
      }),
    ];
    await killed;
    await Promise.all(writers);
    remote.close();

    await start();
    expect(acknowledged.risk.length).toBeGreaterThan(40);
    for (const sk of acknowledged.risk) expect(await hasRisk(sk)).toBe(true);
    for (const [versionId, text] of acknowledged.versions)
      expect(await textOf('pointer', versionId)).toBe(text);
    // At most the one write that was not acknowledged any more came after.
    const [, version] = await flag('EMERGENCY_MODE');
    expect([acknowledged.flag, acknowledged.flag + 1]).toContain(version);
    const current = Number.parseInt((await textOf('pointer')) ?? '', 10);
    const last = Number.parseInt(acknowledged.pointer, 10);
    expect([last, last + 1]).toContain(current);
  });
});

describe('a write of S3 that was cut short after it was committed', () => {
  const keyDir = async (key: string) => {
    const index = `${stateDir}/s3/.index/${names.bucket}`;
    for (const dir of await readdir(index)) {
      if (dir === 'bucket.json') continue;
      const record = JSON.parse(await readFile(`${index}/${dir}/record.json`, 'utf8'));
      if (record.key === key) return { dir: `${index}/${dir}`, dataIds: record.versions.map(dataIdOf) };
    }
    throw new Error(`no record of ${key}`);
  };
  const dataIdOf = ({ dataId }: { dataId: string }) => dataId;

  it.each(['before any file moved', 'after the old file moved'])(
    'is completed at the next start: %s',
    async (moment) => {
      const oldVersion = await versionOf('a/b', 'old');
      const newVersion = await versionOf('a/b', 'new');
      const { dir, dataIds } = await keyDir('a/b');
      const visible = `${stateDir}/s3/${names.bucket}/a/b`;
      await stop();
      await rename(visible, `${dir}/${dataIds[0]}`);
      if (moment === 'before any file moved') await rename(`${dir}/${dataIds[1]}`, visible);
      await start();
      expect(await readFile(visible, 'utf8')).toBe('new');
      expect(await textOf('a/b')).toBe('new');
      expect(await textOf('a/b', newVersion)).toBe('new');
      expect(await textOf('a/b', oldVersion)).toBe('old');
    },
  );
});

describe('data files changed behind the back of S3', () => {
  const key = 'models/x/v1/model.onnx';
  const path = () => `${stateDir}/s3/${names.bucket}/${key}`;

  it.each([false, true])('show as missing when deleted (after a restart: %s)', async (restarts) => {
    const old = await versionOf(key, 'old');
    const versionId = await versionOf(key, 'new');
    await rm(path());
    if (restarts) await restart();
    expect(await store.head(key)).toBeUndefined();
    expect(await store.get(key)).toBeUndefined();
    expect(await store.get(key, versionId)).toBeUndefined();
    expect(await store.list('')).toEqual([]);
    expect(await textOf(key, old)).toBe('old');
    expect(await store.put(key, bytes('again'), { ifAbsent: true })).toMatchObject({ outcome: 'stored' });
    expect(await textOf(key)).toBe('again');
  });

  it.each([
    ['flipped in place', (file: string) => writeFile(file, 'nEw content', { flag: 'r+' })],
    ['cut short', (file: string) => truncate(file, 3)],
    ['emptied', (file: string) => truncate(file, 0)],
    ['lengthened', (file: string) => appendFile(file, '!')],
    ['replaced', async (file: string) => rm(file).then(() => writeFile(file, 'other stuff'))],
  ])('show what they now hold when %s, with another etag and no conflict hidden', async (_, damage) => {
    const versionId = await versionOf(key, 'new content');
    const before = (await store.head(key))!;
    await damage(path());
    const now = await readFile(path(), 'utf8');
    const head = (await store.head(key))!;
    expect(head.etag).not.toBe(before.etag);
    expect(head.bytes).toBe(now.length);
    expect(await textOf(key)).toBe(now);
    expect(await textOf(key, versionId)).toBe(now);
    expect((await store.list(''))[0]?.etag).toBe(head.etag);
    expect(await store.put(key, bytes('x'), { ifMatch: before.etag })).toEqual({ outcome: 'conflict' });
    await restart();
    expect(await store.head(key)).toEqual(head);
  });

  it('shows a change that leaves size and time as they were, while the time is too recent to be told from it', async () => {
    await versionOf(key, 'before');
    const ahead = new Date(Date.now() + HOUR_MS);
    await utimes(path(), ahead, ahead);
    expect(await textOf(key)).toBe('before');
    await writeFile(path(), 'after!', { flag: 'r+' });
    await utimes(path(), ahead, ahead);
    expect(await textOf(key)).toBe('after!');
  });

  it('shows a change made at once after writing, by the same size', async () => {
    for (let round = 0; round < 20; round++) {
      const before = await store.put(key, bytes(`round ${round} a`));
      await writeFile(path(), `round ${round} b`, { flag: 'r+' });
      expect(await textOf(key)).toBe(`round ${round} b`);
      expect(await store.head(key)).not.toMatchObject(before.outcome === 'stored' ? before.info : {});
    }
  });

  it('takes a folder in the place of a file, or a removed bucket folder, for missing objects', async () => {
    await versionOf(key, 'new');
    await rm(path());
    await mkdir(path());
    expect(await store.get(key)).toBeUndefined();
    await rm(`${stateDir}/s3/${names.bucket}`, { recursive: true });
    expect(await store.get(key)).toBeUndefined();
    expect(await store.list('')).toEqual([]);
    await versionOf(key, 'back');
    expect(await textOf(key)).toBe('back');
  });
});

describe('what keeps the endpoints from starting', () => {
  it('a second process, or the same one again, on the folder', async () => {
    expect(await startFailure()).toMatch(/in use/);
    expect(await hasRisk('gate')).toBe(false);
  });

  it.each([
    ['s3 bucket', 's3/.index/qt-bucket/bucket.json'],
    ['parameters', 'ssm/parameters.json'],
  ])('damaged %s state, which is named and left as it is', async (_, file) => {
    await stop();
    for (const damage of ['', '{"schemaVersion":1', '{"schemaVersion":2}', '\0\0\0\0', 'null']) {
      await writeFile(`${stateDir}/${file}`, damage);
      expect(await startFailure()).toContain(`${stateDir}/${file}`);
      expect(await readFile(`${stateDir}/${file}`, 'utf8')).toBe(damage);
    }
  });

  it('a damaged record of an object', async () => {
    await versionOf('a', '1');
    await stop();
    const index = `${stateDir}/s3/.index/${names.bucket}`;
    const [keyDir] = (await readdir(index)).filter((name) => name !== 'bucket.json');
    await truncate(`${index}/${keyDir}/record.json`, 20);
    expect(await startFailure()).toContain(`${keyDir}/record.json`);
  });

  it('a damaged database', async () => {
    await stop();
    const dir = `${stateDir}/dynamodb`;
    await writeFile(`${dir}/CURRENT`, 'garbage');
    expect(await startFailure()).toContain(dir);
  });

  it('a busy port, with nothing left running', async () => {
    await stop();
    const busy: Server = createServer().listen(0, '127.0.0.1');
    await once(busy, 'listening');
    const { port } = busy.address() as AddressInfo;
    for (const service of ['dynamodb', 's3', 'ssm'])
      expect(await startFailure({ ports: { [service]: port } })).toContain(`port ${port} is in use`);
    busy.close();
    await start();
  });

  it('a folder without permission, or a file in its place', async () => {
    await stop();
    await rm(stateDir, { recursive: true });
    await writeFile(stateDir, 'a file');
    expect(await startFailure()).toContain(stateDir);
    await rm(stateDir);
    await mkdir(stateDir);
    await chmod(stateDir, 0o555);
    const restoreUser = becomeOrdinaryUser();
    try {
      expect(await startFailure()).toContain(`cannot use ${stateDir}`);
    } finally {
      restoreUser();
      await chmod(stateDir, 0o755);
    }
  });
});

describe('clients that misbehave', () => {
  /** Sends raw bytes and breaks off, or reads the answer until the server ends it. */
  async function raw(endpoint: string, text: string, breaksOff: boolean): Promise<string> {
    const { hostname, port } = new URL(endpoint);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    let answer = '';
    socket.on('data', (data) => {
      answer += data;
    });
    socket.on('error', () => {});
    const closed = once(socket, 'close');
    socket.write(text, () => breaksOff && socket.resetAndDestroy());
    await closed;
    return answer;
  }
  /** What lets a request in. */
  const pass = (service: 'dynamodb' | 's3' | 'ssm') =>
    [
      `host: ${new URL(aws!.endpoints[service]).host}`,
      `authorization: AWS4-HMAC-SHA256 Credential=${aws!.endpoints.accessKeyId}/x, SignedHeaders=host, Signature=0`,
      'connection: close',
    ].join('\r\n');
  const s3Put = (headers: string, body: string) =>
    `PUT /${names.bucket}/broken HTTP/1.1\r\n${pass('s3')}\r\n${headers}\r\n\r\n${body}`;
  const chunked = 'content-encoding: aws-chunked\r\nx-amz-trailer: x-amz-checksum-crc32\r\n';
  const withLength = (headers: string, body: string) =>
    s3Put(`${headers}content-length: ${Buffer.byteLength(body)}`, body);

  it('leave the endpoints running and nothing behind when they break off in a body', async () => {
    const post = (service: 'dynamodb' | 'ssm', target: string) =>
      `POST / HTTP/1.1\r\n${pass(service)}\r\nx-amz-target: ${target}\r\ncontent-length: 99\r\n\r\n{`;
    await raw(aws!.endpoints.dynamodb, post('dynamodb', 'DynamoDB_20120810.PutItem'), true);
    await raw(aws!.endpoints.ssm, post('ssm', 'AmazonSSM.PutParameter'), true);
    await raw(aws!.endpoints.s3, s3Put('content-length: 999', 'abc'), true);
    await raw(aws!.endpoints.s3, 'garbage\r\n\r\n', false);
    expect(await hasRisk('gate')).toBe(false);
    expect(await store.head('broken')).toBeUndefined();
    await vi.waitFor(async () => expect(await readdir(`${stateDir}/s3/.index/.temporary`)).toEqual([]));
  });

  it.each([
    ['no size', 'hello\r\n', 'IncompleteBody'],
    ['a size that lies', '5\r\nhello world\r\n0\r\nx-amz-checksum-crc32: AAAA\r\n\r\n', 'IncompleteBody'],
    ['an early end', '5\r\nhel', 'IncompleteBody'],
    ['no trailer', '5\r\nhello\r\n0\r\n\r\n', 'IncompleteBody'],
    ['a wrong checksum', '5\r\nhello\r\n0\r\nx-amz-checksum-crc32: AAAAAA==\r\n\r\n', 'BadDigest'],
  ])('get a refusal for a chunked body with %s', async (_, body, code) => {
    expect(await raw(aws!.endpoints.s3, withLength(chunked, body), false)).toContain(`<Code>${code}</Code>`);
    expect(await store.head('broken')).toBeUndefined();
    expect(await readdir(`${stateDir}/s3/.index/.temporary`)).toEqual([]);
  });

  it('get a chunked body stored when it is whole, however the chunks are cut and signed', async () => {
    const body = '3;chunk-signature=ab\r\nhel\r\n2\r\nlo\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n';
    const headers = `${chunked}x-amz-decoded-content-length: 5\r\n`;
    expect(await raw(aws!.endpoints.s3, withLength(headers, body), false)).toContain('200 OK');
    expect(await textOf('broken')).toBe('hello');
  });

  it('cannot reach outside the folder by a key or a bucket name', async () => {
    const outside = `${stateDir}/s3/outside`;
    for (const target of [
      '/qt-bucket/../outside',
      '/qt-bucket/%2e%2e/outside',
      '/../outside/x',
      '/%2e%2e%2fx/outside',
    ])
      await raw(
        aws!.endpoints.s3,
        `PUT ${target} HTTP/1.1\r\n${pass('s3')}\r\ncontent-length: 1\r\n\r\nx`,
        false,
      );
    expect(existsSync(outside)).toBe(false);
    expect(existsSync(`${stateDir}/outside`)).toBe(false);
  });
});

describe('endpoints from the environment', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });
  const readBack = async (environment: Record<string, string>) => {
    await versionOf('a', 'found');
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    vi.stubEnv('AWS_REGION', 'eu-central-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', aws!.endpoints.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local');
    const fromEnvironment = createClients();
    const object = await fromEnvironment.s3.send(new GetObjectCommand({ Bucket: names.bucket, Key: 'a' }));
    const Key = { scope: 'paper', sk: 'gate' };
    await fromEnvironment.dynamodb.send(new GetCommand({ TableName: names.riskTable, Key }));
    await fromEnvironment.ssm.send(new GetParameterCommand({ Name: '/qt/local/flags/EMERGENCY_MODE' }));
    const text = await object.Body!.transformToString();
    fromEnvironment.close();
    return text;
  };

  it('are honoured by every client', async () => {
    const { dynamodb, s3, ssm } = aws!.endpoints;
    const environment = {
      AWS_ENDPOINT_URL_DYNAMODB: dynamodb,
      AWS_ENDPOINT_URL_S3: s3,
      AWS_ENDPOINT_URL_SSM: ssm,
    };
    expect(await readBack(environment)).toBe('found');
  });

  it('give way to the one of the service where both are set', async () => {
    const { dynamodb, s3, ssm } = aws!.endpoints;
    const environment = {
      AWS_ENDPOINT_URL: ssm,
      AWS_ENDPOINT_URL_DYNAMODB: dynamodb,
      AWS_ENDPOINT_URL_S3: s3,
    };
    expect(await readBack(environment)).toBe('found');
  });
});
