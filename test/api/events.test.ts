// Server-sent events over real HTTP: whoever listens is told of what another hand writes, to the same stores.
import { createParser } from 'eventsource-parser';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventKind } from '../../lib/api/events/event-streams.ts';
import { executionRecords } from '../../lib/execution/use-cases/execution-records.ts';
import { composeApi } from '../../lib/runtime/compose/api.ts';
import { localApiSettings } from '../../lib/runtime/config/local-settings.ts';
import { type ApiStage, READER_TOKEN, startApiStage, TOKEN } from '../support/api/api-stage.ts';
import { BROKER_START_MS } from '../support/execution/broker-market.ts';
import { runOf } from '../support/inference/sample-signals.ts';

const SOON = { timeout: 60_000 };
const STREAMS_MAX = 16;

let stage: ApiStage;
let streams: Listening[];
beforeEach(async () => {
  stage = await startApiStage();
  streams = [];
});
afterEach(async () => {
  for (const stream of streams) stream.stop();
  await stage.close();
});

interface Listening {
  readonly status: number;
  readonly headers: Headers;
  /** Told since the last call, each once. */
  news(): EventKind[];
  isOver(): boolean;
  stop(): void;
}

async function listen(token = READER_TOKEN): Promise<Listening> {
  const leave = new AbortController();
  const { status, headers, body } = await fetch(`${stage.api.endpoint}/api/events`, {
    headers: { authorization: `Bearer ${token}` },
    signal: leave.signal,
  });
  const told = new Set<EventKind>();
  let isOver = false;
  const parser = createParser({
    onEvent: ({ event, data }) => {
      expect(event).toBe('change');
      for (const kind of JSON.parse(data)) told.add(kind);
    },
  });
  const follow = async () => {
    const decoder = new TextDecoder();
    for await (const bytes of body!) parser.feed(decoder.decode(bytes, { stream: true }));
  };
  void follow()
    .catch(() => undefined)
    .finally(() => {
      isOver = true;
    });
  const stream: Listening = {
    ...{ status, headers, isOver: () => isOver, stop: () => leave.abort() },
    news() {
      const kinds = [...told];
      told.clear();
      return kinds;
    },
  };
  streams.push(stream);
  return stream;
}

/** Until all of these were told; what else was told is returned with them. */
async function hear(stream: Listening, ...kinds: readonly EventKind[]): Promise<EventKind[]> {
  const heard = new Set<EventKind>();
  const missing = () => {
    for (const kind of stream.news()) heard.add(kind);
    return kinds.filter((kind) => !heard.has(kind));
  };
  await expect.poll(missing, SOON).toEqual([]);
  return [...heard];
}

describe('a stream of events', () => {
  it('begins once, and tells of each thing that another hand writes, and of no other', async () => {
    const stream = await listen();
    expect([stream.status, stream.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    expect(stream.headers.get('cache-control')).toBe('no-store');
    expect(await hear(stream, 'ready')).toEqual(['ready']);
    const { signals, risk, flags, codeVersion } = stage.system;
    const records = executionRecords(risk);

    await signals.putRun(runOf(BROKER_START_MS, { codeVersion }));
    await hear(stream, 'bar');
    const snapshot = { equityMicroUsdt: 1e9, walletMicroUsdt: 1e9, exposureMicroUsdt: 0, positions: 0 };
    await records.equity.add('paper', { atMs: BROKER_START_MS, ...snapshot, codeVersion });
    const heard = await hear(stream, 'snapshot');
    for (const kind of ['trade', 'breaker', 'flags']) expect(heard).not.toContain(kind);
    await records.trades.add('paper', {
      ...{ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.014, entryPrice: 50_000, exitPrice: 50_250 },
      ...{ reason: 'horizon', feesMicroUsdt: 701_750, profitMicroUsdt: 2_798_250 },
      ...{ openedAtMs: BROKER_START_MS - 1_000, closedAtMs: BROKER_START_MS },
      ...{ entryClientOrderId: 'qt-entry', ensembleId: null },
    });
    expect(await hear(stream, 'trade')).not.toContain('flags');
    await flags.write('QT_ENABLE_AI_TRADING', 'false');
    expect(await hear(stream, 'flags', 'mode')).not.toContain('breaker');
    await stage.call('/api/emergency/stop', {
      ...{ method: 'POST', body: '{"reason":"by another hand"}' },
      headers: { 'content-type': 'application/json' },
    });
    await hear(stream, 'breaker', 'mode');
  });

  it('waits while the stores cannot be read, and begins when they can', async () => {
    stage.aws.faults.ssm.inject({ kind: 'error', times: 10_000 });
    stage.aws.faults.dynamodb.inject({ kind: 'error', times: 10_000 });
    // The token was read before.
    stage.aws.faults.ssm.clear();
    const stream = await listen();
    expect(stream.status).toBe(200);
    await expect.poll(() => stage.api.log.some((line) => line.includes('"events"')), SOON).toBe(true);
    expect(stream.news()).toEqual([]);
    stage.aws.faults.dynamodb.clear();
    await hear(stream, 'ready');
  });

  it('is one of sixteen at most, and makes room when its reader leaves', async () => {
    for (let count = 0; count < STREAMS_MAX; count++) expect((await listen()).status).toBe(200);
    const refused = await stage.call('/api/events');
    expect([refused.status, refused.json.error.code]).toEqual([429, 'too_many_requests']);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    streams[0]!.stop();
    await expect.poll(async () => (await listen()).status, SOON).toBe(200);
  });

  it('is not opened by HEAD, without a token, or with a wrong one', async () => {
    const head = await stage.call('/api/events', { method: 'HEAD' });
    expect([head.status, head.headers['content-type'], head.text]).toEqual([200, 'text/event-stream', '']);
    for (let count = 0; count < STREAMS_MAX; count++) {
      await stage.call('/api/events', { method: 'HEAD' });
      if (count < 5) expect((await stage.call('/api/events', { token: null })).status).toBe(401);
    }
    expect((await listen()).status).toBe(200);
    expect((await stage.call(`/api/events?token=${TOKEN}`, { token: null })).status).toBe(401);
  });

  it('ends with the server, which does not wait for its reader', async () => {
    const stream = await listen();
    await hear(stream, 'ready');
    await stage.restart();
    await expect.poll(() => stream.isOver(), SOON).toBe(true);
    await hear(await listen(), 'ready');
  });

  it('is not there on AWS, where nobody can be told', async () => {
    const { aws, clock, exchange } = stage;
    const settings = localApiSettings('unused', { exchange: 'binanceusdm', exchangeUrl: exchange.url });
    const api = composeApi(settings, { headers: {}, body: '' }, { endpoints: aws.endpoints, clock });
    const { status, body } = await api.answer({
      ...{ method: 'GET', path: '/api/events', query: {}, headers: { authorization: `Bearer ${TOKEN}` } },
      ...{ body: '', sourceIp: '127.0.0.1', requestId: 'r', origin: 'http://x', iamPrincipal: undefined },
    });
    expect([status, JSON.parse(body).error.code]).toEqual([404, 'not_found']);
    await api.close();
  });
});
