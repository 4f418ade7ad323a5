// What the FlagStore port keeps, on Parameter Store: a reading is what is there now, or why it could not be had.
import { once } from 'node:events';
import { createServer, request as send } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetParameterCommand, PutParameterCommand } from '@aws-sdk/client-ssm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClients } from '../../lib/adapters/aws/create-clients.ts';
import { ensureLocalResources } from '../../lib/adapters/aws/resources.ts';
import { createSsmFlagStore } from '../../lib/adapters/aws/ssm/ssm-flag-store.ts';
import { StoreError } from '../../lib/core/store-error.ts';
import { FLAG_NAMES, FLAGS, parseFlags } from '../../lib/risk/flags.ts';
import type { FlagStore } from '../../lib/risk/ports.ts';
import { type EmbeddedTarget, openEmbedded } from '../support/aws-target.ts';

const names = { bucket: 'qt-test', signalsTable: 'qt-signals', riskTable: 'qt-risk', stage: 'test' };
const GENEROUS_MS = 20_000;

describe('flags in Parameter Store', () => {
  let target: EmbeddedTarget;
  let flags: FlagStore;
  const putRaw = (name: string, Value: string, Type: 'String' | 'SecureString' = 'String') =>
    target.clients.ssm.send(new PutParameterCommand({ Name: `/qt/test/flags/${name}`, Value, Type }));
  beforeEach(async () => {
    target = await openEmbedded();
    flags = createSsmFlagStore({
      client: target.clients.ssm,
      stage: 'test',
      deadlineMs: GENEROUS_MS,
      coldDeadlineMs: GENEROUS_MS,
    });
  });
  afterEach(() => target.close());

  it('reads what was written, at once', async () => {
    for (const text of ['true', 'false', 'true']) {
      await flags.write('EMERGENCY_MODE', text);
      expect(await flags.read(['EMERGENCY_MODE'])).toEqual(
        new Map([['EMERGENCY_MODE', { kind: 'text', text }]]),
      );
    }
  });

  it('reads more than ten at once, present and missing, each asked for twice', async () => {
    const all = Array.from({ length: 23 }, (_, index) => `FLAG_${index}`);
    for (const name of all.slice(0, 12)) await putRaw(name, ` ${name} `);
    const readings = await flags.read([...all, ...all]);
    expect(readings.size).toBe(23);
    for (const [index, name] of all.entries()) {
      const text = ` ${name} `;
      expect(readings.get(name)).toEqual(index < 12 ? { kind: 'text', text } : { kind: 'missing' });
    }
    expect(await flags.read([])).toEqual(new Map());
  });

  it('does not take a SecureString, an older version or another path for a flag', async () => {
    await putRaw('SECRET', 'true', 'SecureString');
    await flags.write('EMERGENCY_MODE', 'true');
    const readings = await flags.read(['SECRET', 'EMERGENCY_MODE:1', '../flags/EMERGENCY_MODE', '']);
    expect([...readings.values()].map(({ kind }) => kind)).toEqual(Array(4).fill('unreadable'));
  });

  it('refuses to write what the flag does not allow, and leaves the flag as it was', async () => {
    await flags.write('QT_PAPER_TRADING', 'true');
    for (const text of ['True', ' true', 'yes', '']) {
      const error = await flags.write('QT_PAPER_TRADING', text).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(StoreError);
      expect(error).toMatchObject({ retryable: false });
    }
    expect((await flags.read(['QT_PAPER_TRADING'])).get('QT_PAPER_TRADING')).toEqual({
      kind: 'text',
      text: 'true',
    });
  });

  it('seeds every flag with a value that parses, and never undoes an operator', async () => {
    await ensureLocalResources(target.clients, names);
    const states = parseFlags(await flags.read(FLAG_NAMES));
    for (const name of FLAG_NAMES) expect(states[name]).toMatchObject({ state: 'value' });
    await flags.write('QT_ENABLE_AI_TRADING', 'false');
    await ensureLocalResources(target.clients, names);
    const after = await flags.read(['QT_ENABLE_AI_TRADING', 'QT_MAX_POSITIONS']);
    expect(after.get('QT_ENABLE_AI_TRADING')).toEqual({ kind: 'text', text: 'false' });
    expect(after.get('QT_MAX_POSITIONS')).toEqual({ kind: 'text', text: FLAGS.QT_MAX_POSITIONS.local });
  });

  it.each(['throttle', 'error', 'reset'] as const)(
    'gets through one %s, and says why a lasting one is unreadable',
    async (kind) => {
      await flags.write('EMERGENCY_MODE', 'false');
      target.aws.faults.ssm.inject({ kind });
      expect((await flags.read(['EMERGENCY_MODE'])).get('EMERGENCY_MODE')).toEqual({
        kind: 'text',
        text: 'false',
      });
      target.aws.faults.ssm.inject({ kind, times: 100 });
      const readings = await flags.read(['EMERGENCY_MODE', 'QT_PAPER_TRADING']);
      for (const reading of readings.values()) {
        expect(reading.kind).toBe('unreadable');
        expect(reading.kind === 'unreadable' && reading.message).toMatch(/^[^\n]+$/);
      }
      await expect(flags.write('EMERGENCY_MODE', 'true')).rejects.toMatchObject({ retryable: true });
    },
  );

  it('gives up at its deadline when there is no answer', async () => {
    await flags.write('EMERGENCY_MODE', 'false');
    target.aws.faults.ssm.inject({ kind: 'hang', times: 100 });
    const hurried = createSsmFlagStore({
      client: target.clients.ssm,
      stage: 'test',
      deadlineMs: 30,
      coldDeadlineMs: 30,
    });
    expect((await hurried.read(['EMERGENCY_MODE'])).get('EMERGENCY_MODE')).toEqual({
      kind: 'unreadable',
      message: 'no answer within 30 ms',
    });
  });

  it('writes past a call that is never answered', async () => {
    target.aws.faults.ssm.inject({ kind: 'hang', operation: 'PutParameter' });
    await flags.write('EMERGENCY_MODE', 'true');
    const text = (await flags.read(['EMERGENCY_MODE'])).get('EMERGENCY_MODE');
    expect(text).toEqual({ kind: 'text', text: 'true' });
  });

  it('closes a flag although Parameter Store throttles the first attempts', async () => {
    await flags.write('QT_ENABLE_EXECUTION', 'true');
    target.aws.faults.ssm.inject({ kind: 'throttle', times: 3, operation: 'PutParameter' });
    await flags.write('QT_ENABLE_EXECUTION', 'false');
    const Name = '/qt/test/flags/QT_ENABLE_EXECUTION';
    const { Parameter } = await target.clients.ssm.send(new GetParameterCommand({ Name }));
    expect(Parameter?.Value).toBe('false');
  });
});

describe('the first read of a process', () => {
  it('may take as long as a connection takes, and those after it may not', async () => {
    const target = await openEmbedded();
    const slow = await startSlowConnections(target.aws.endpoints.ssm, 1_200);
    const clients = createClients({ ...target.aws.endpoints, ssm: slow.url });
    try {
      await createSsmFlagStore({ client: target.clients.ssm, stage: 'test' }).write('EMERGENCY_MODE', 'true');
      const readOnce = async (store: FlagStore) =>
        (await store.read(['EMERGENCY_MODE'])).get('EMERGENCY_MODE');
      const cold = createSsmFlagStore({ client: clients.ssm, stage: 'test' });
      expect(await readOnce(cold)).toEqual({ kind: 'text', text: 'true' });
      // Over the same connection, and at once.
      const connections = slow.count();
      for (let read = 0; read < 3; read++)
        expect(await readOnce(cold)).toEqual({ kind: 'text', text: 'true' });
      expect(slow.count()).toBe(connections);
      target.aws.faults.ssm.inject({ kind: 'hang', times: 100 });
      expect(await readOnce(cold)).toEqual({ kind: 'unreadable', message: 'no answer within 800 ms' });
    } finally {
      clients.close();
      await slow.close();
      await target.close();
    }
  });
});

/** Passes requests on; the first one of every connection waits, as for a TLS handshake. */
async function startSlowConnections(endpoint: string, handshakeMs: number) {
  const known = new Set<Socket>();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (!known.has(request.socket)) await sleep(handshakeMs);
    known.add(request.socket);
    const { host: _, ...headers } = request.headers;
    const onward = send(endpoint, { method: 'POST', headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    onward.end(Buffer.concat(chunks));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    count: () => known.size,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
