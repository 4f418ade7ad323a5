// Notifying people through SNS: a signed request to the topic, tried again while that can help, and said to have failed when nobody
// could be told, until somebody was.

import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createCircuitBreakerHandler } from '../../../functions/circuit-breaker/handler.ts';
import { createSnsNotifier } from '../../../lib/adapters/aws/sns/sns-notifier.ts';
import { unproven } from '../../../lib/core/actor.ts';
import { StoreError } from '../../../lib/core/store-error.ts';
import { MINUTE_MS } from '../../../lib/core/units.ts';
import { tickBreaker, tripBreaker } from '../../../lib/risk/use-cases/circuit-breaker.ts';
import { LiveWorld } from '../../support/trading/live-world.ts';

const TOPIC = 'arn:aws:sns:eu-central-1:123456789012:qt-test-alarms';
const KEYS = { id: 'AKIDEXAMPLE', secret: 'sns-secret-key' };
const MESSAGE = {
  subject: 'Quantum Trader (paper): größer als 100 '.repeat(4),
  text: 'drawdown: 12 % – “now”',
};

type Answer = 'published' | 'throttled' | 'unavailable' | 'denied' | 'reset';
const ERRORS = {
  throttled: [400, 'Throttling'],
  unavailable: [503, 'InternalError'],
  denied: [403, 'AuthorizationError'],
} as const;

let server: Server;
let requests: URLSearchParams[];
let answers: Answer[];

const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();
const sha256 = (data: string): string => createHash('sha256').update(data).digest('hex');

/** Signature Version 4 as AWS's documentation describes it ("Create a signed AWS API request"), reckoned from the request itself. */
function expectSigned({ headers, method, url }: IncomingMessage, body: string): void {
  const match = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=(\w+)$/.exec(
    headers.authorization ?? '',
  );
  const [, credential, signedHeaders, signature] = match!;
  const [id, date, region, service, terminator] = credential!.split('/');
  expect([id, region, service, terminator]).toEqual([KEYS.id, 'eu-central-1', 'sns', 'aws4_request']);
  expect(signedHeaders!.split(';')).toEqual(expect.arrayContaining(['host', 'x-amz-date']));
  const canonicalHeaders = signedHeaders!.split(';').map((name) => `${name}:${headers[name]}\n`);
  const canonical = [method, url, '', canonicalHeaders.join(''), signedHeaders, sha256(body)].join('\n');
  const scope = [date, region, service, terminator].join('/');
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n');
  const key = [date, region, service, terminator].reduce<string | Buffer>(
    (last, part) => hmac(last, part!),
    `AWS4${KEYS.secret}`,
  );
  expect(hmac(key, toSign).toString('hex')).toBe(signature);
}

beforeEach(async () => {
  requests = [];
  answers = [];
  server = createServer(async (incoming, response) => {
    const body = await text(incoming);
    requests.push(new URLSearchParams(body));
    const answer = answers.shift() ?? 'published';
    if (answer === 'reset') return void incoming.socket.destroy();
    try {
      expectSigned(incoming, body);
    } catch (error) {
      return void response.writeHead(403).end(xml('SignatureDoesNotMatch', String(error)));
    }
    if (answer !== 'published') return void response.writeHead(ERRORS[answer][0]).end(xml(ERRORS[answer][1]));
    response.end(
      '<PublishResponse><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>',
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  vi.stubEnv('AWS_ENDPOINT_URL_SNS', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', KEYS.id);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', KEYS.secret);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const xml = (code: string, message = 'no') =>
  `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`;
const notify = (message = MESSAGE) => createSnsNotifier({ topicArn: TOPIC }).notify(message);

describe('the SNS notifier', () => {
  it('publishes to the topic, signed, with a subject that SNS takes and the whole text', async () => {
    await notify();
    expect(requests).toHaveLength(1);
    const sent = Object.fromEntries(requests[0]!);
    expect(sent).toMatchObject({ Action: 'Publish', TopicArn: TOPIC, Message: MESSAGE.text });
    expect(sent.Subject).toMatch(/^[ -~]{100}$/);
    expect(sent.Subject).toContain('gr??er');
  });

  it('is refused with the wrong key, and says so', async () => {
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'another');
    await expect(notify()).rejects.toThrow(/notifying.*SignatureDoesNotMatch/);
  });

  it.each(['throttled', 'unavailable', 'reset'] as const)(
    'tries again after %s, and tells once',
    async (how) => {
      answers = [how, how];
      await notify();
      expect(requests).toHaveLength(3);
    },
  );

  it.each(['throttled', 'unavailable', 'reset'] as const)('fails after three times %s', async (how) => {
    answers = [how, how, how];
    const error = await notify().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({ retryable: true });
    expect(requests).toHaveLength(3);
  });

  it('fails at once where trying again cannot help', async () => {
    answers = ['denied'];
    await expect(notify()).rejects.toThrow(/notifying.*AuthorizationError/);
    expect(requests).toHaveLength(1);
  });
});

describe('a trip of which nobody could be told', () => {
  it('fails the tick, is told by the next one, and then not again', async () => {
    const world = await LiveWorld.open();
    const dependencies = { ...world.dependencies(), notifier: createSnsNotifier({ topicArn: TOPIC }) };
    const tick = createCircuitBreakerHandler({
      tick: async () => [await tickBreaker(dependencies, 'live')],
      record: () => undefined,
      close: async () => undefined,
    });
    answers = ['denied', 'denied'];
    const tripped = await tripBreaker(dependencies, {
      scope: 'live',
      operator: unproven('ada'),
      reason: 'a test',
    });
    expect(tripped.latched).toBe(true);
    expect(tripped.failures).toEqual([expect.stringContaining('notifying')]);
    const sent = requests.length;
    await tick();
    expect(requests).toHaveLength(sent);
    world.nowMs += MINUTE_MS;
    await expect(tick()).rejects.toThrow(/the tick is not complete: live: notifying/);
    expect((await world.risk.readGate('live'))!.breaker).toMatchObject({ latch: 'TRIPPED', notified: false });

    expect(await tick()).toMatchObject({ scopes: [{ latch: 'TRIPPED' }] });
    expect(requests.at(-1)!.get('Message')).toContain('ada (not proven): a test');
    expect((await world.risk.readGate('live'))!.breaker).toMatchObject({ notified: true });
    const told = requests.length;
    await tick();
    expect(requests).toHaveLength(told);
    await world.exchange.close();
  });
});
