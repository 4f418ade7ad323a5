// How a command finds the running system, and how a start that fails leaves a folder: by the run itself, not by a process id, and
// as it was.
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MINUTE_MS } from '../../../lib/core/units.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../../../local/aws/embedded-aws.ts';
import { LocalStartError } from '../../../local/aws/host/local-start-error.ts';
import { startLocalSystem } from '../../../local/run/local-system.ts';
import { createReplayClock } from '../../../local/run/replay-clock.ts';
import { saveReplayPosition } from '../../../local/run/replay-position.ts';
import { runLocalSystem } from '../../../local/run/run-local-system.ts';
import {
  announceRunningSystem,
  findRunningSystem,
  withdrawRunningSystem,
} from '../../../local/run/running-system.ts';
import { BROKER_START_MS, brokerMarket } from '../../support/execution/broker-market.ts';
import { qtrader } from '../../support/qtrader.ts';

let stateDir: string;
let closers: (() => Promise<unknown>)[];
beforeEach(async () => {
  stateDir = await mkdtemp(`${tmpdir()}/qt-running-`);
  closers = [];
});
afterEach(async () => {
  for (const close of closers.reverse()) await close();
  await rm(stateDir, { recursive: true });
});

async function startAws(dir = stateDir): Promise<EmbeddedAws> {
  const aws = await startEmbeddedAws({ stateDir: dir });
  closers.push(aws.close);
  return aws;
}
async function listenOn(answer: (server: Server) => void): Promise<{ port: number }> {
  const server = createServer();
  answer(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return server.address() as AddressInfo;
}
const runningFile = () => `${stateDir}/running.json`;

describe('the running system', () => {
  it('is found by its own answer, in a file for its owner alone', async () => {
    const aws = await startAws();
    const exchange = { url: 'http://127.0.0.1:1', secret: 's' };
    await announceRunningSystem(stateDir, { aws, exchange: 'binanceusdm', simulatedExchange: exchange });
    expect((await stat(runningFile())).mode & 0o777).toBe(0o600);
    expect(await findRunningSystem(stateDir)).toMatchObject({
      pid: process.pid,
      runId: aws.runId,
      endpoints: aws.endpoints,
      exchange: 'binanceusdm',
      simulatedExchange: exchange,
    });
    withdrawRunningSystem(stateDir);
    expect(await findRunningSystem(stateDir)).toBeUndefined();
  });

  it('is not one whose process id somebody else has by now, and whose ports are dead', async () => {
    const aws = await startAws();
    await announceRunningSystem(stateDir, { aws, exchange: 'binanceusdm', simulatedExchange: null });
    await closers.pop()!();
    // Its process id is this process's, which lives.
    expect(JSON.parse(await readFile(runningFile(), 'utf8')).pid).toBe(process.pid);
    expect(await findRunningSystem(stateDir)).toBeUndefined();
    expect(await qtrader('status', '--state', stateDir)).toMatchObject({ exitCode: 0 });
  });

  it('is not one whose ports somebody else has by now', async () => {
    const gone = await startAws();
    await announceRunningSystem(stateDir, { aws: gone, exchange: 'binanceusdm', simulatedExchange: null });
    await closers.pop()!();
    const otherDir = `${stateDir}/other`;
    await mkdir(otherDir);
    const other = await startAws(otherDir);
    const { endpoints } = JSON.parse(await readFile(runningFile(), 'utf8'));
    const pretend = async (dynamodb: string, accessKeyId = endpoints.accessKeyId) => {
      const aws = { runId: gone.runId, endpoints: { ...endpoints, dynamodb, accessKeyId } };
      await announceRunningSystem(stateDir, { aws, exchange: 'binanceusdm', simulatedExchange: null });
      return findRunningSystem(stateDir);
    };
    expect(await pretend(other.endpoints.dynamodb)).toBeUndefined();
    expect(await pretend(other.endpoints.dynamodb, other.endpoints.accessKeyId)).toBeUndefined();
    for (const text of ['', 'null', '{"runId":1}', '<html>']) {
      const { port } = await listenOn((server) => server.on('request', (_, answer) => answer.end(text)));
      expect(await pretend(`http://127.0.0.1:${port}`)).toBeUndefined();
    }
  });

  it.each(['', '{', 'null', '{"pid":1}'])('is none by the file %j', async (text) => {
    await writeFile(runningFile(), text);
    expect(await findRunningSystem(stateDir)).toBeUndefined();
  });

  it('is not looked for behind a link', async () => {
    await symlink('/dev/null', runningFile());
    await expect(findRunningSystem(stateDir)).rejects.toThrow(/symbolic link/);
  });
});

describe('a start that fails', () => {
  const start = (port: number, dir = stateDir) =>
    runLocalSystem(
      {
        bars: 1,
        stateDir: dir,
        port,
        market: { dataFolder: undefined, seed: 7, symbols: 2, fromMs: undefined, speed: 'max' },
      },
      AbortSignal.timeout(MINUTE_MS),
    );
  beforeEach(async () => {
    saveReplayPosition(stateDir, { source: 'another market', nextRunMs: 1, fromMs: null });
    await writeFile(`${stateDir}/account`, 'the old one');
  });
  const kept = async () => [
    await readFile(`${stateDir}/account`, 'utf8').catch(() => 'moved'),
    (await readdir(stateDir)).includes('archive'),
  ];

  it.each([0, 1, 2, 3, 4])(
    'because the port at %i is taken has moved nothing to the archive',
    async (offset) => {
      const { port } = await listenOn(() => {});
      const error = await start(port - offset).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(LocalStartError);
      expect((error as Error).message).toMatch(/port \d+ is (in use|taken)/);
      expect(await kept()).toEqual(['the old one', false]);
    },
  );

  it('because another process has the folder has moved nothing to the archive', async () => {
    await startAws();
    await expect(start(0)).rejects.toThrow(/in use by another process/);
    expect(await kept()).toEqual(['the old one', false]);
  });

  it('leaves the next one all it needs: that archives, and runs', async () => {
    await start(0);
    expect(await kept()).toEqual(['moved', true]);
    const [archived] = await readdir(`${stateDir}/archive`);
    expect(await readFile(`${stateDir}/archive/${archived}/account`, 'utf8')).toBe('the old one');
  });
});

it('has its dashboard on the port that was asked for, and the rest on the four after it', async () => {
  const startAt = async (attemptsLeft: number): Promise<{ port: number; apiUrl: string }> => {
    const { port } = await listenOn(() => {});
    await closers.pop()!();
    try {
      const { apiUrl, close } = await startLocalSystem({
        ...{ stateDir, port, clock: createReplayClock(BROKER_START_MS, 'max'), warn: () => undefined },
        exchange: { simulated: brokerMarket, named: true },
      });
      closers.push(close);
      return { port, apiUrl };
    } catch (error) {
      // Somebody has one of the five.
      if (attemptsLeft === 0 || !(error instanceof LocalStartError)) throw error;
      return startAt(attemptsLeft - 1);
    }
  };
  const { port, apiUrl } = await startAt(10);
  expect(apiUrl).toBe(`http://127.0.0.1:${port}`);
  expect(await (await fetch(`${apiUrl}/`)).text()).toContain('<title>Quantum Trader</title>');
  const { endpoints, simulatedExchange } = (await findRunningSystem(stateDir))!;
  const others = [endpoints.dynamodb, endpoints.s3, endpoints.ssm, simulatedExchange!.url];
  expect(others.map((url) => Number(new URL(url).port) - port)).toEqual([1, 2, 3, 4]);

  const token = (await readFile(`${stateDir}/api-token`, 'utf8')).trim();
  const events = await fetch(`${apiUrl}/api/events`, { headers: { authorization: `Bearer ${token}` } });
  expect(events.status).toBe(200);
  // It ends although somebody listens, and tells the listener so.
  await closers.pop()!();
  await events.text();
});
