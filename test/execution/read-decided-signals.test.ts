// Execute acts on every signal that infer stored, however far the index by bar is behind the table, and names those that it cannot find.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClients } from '../../lib/adapters/aws/create-clients.ts';
import { createDynamoSignalStore } from '../../lib/adapters/aws/dynamodb/dynamo-signal-store.ts';
import { ensureLocalResources } from '../../lib/adapters/aws/resources.ts';
import { HOUR_MS } from '../../lib/core/units.ts';
import { readDecidedSignals } from '../../lib/execution/use-cases/read-decided-signals.ts';
import type { SignalStore } from '../../lib/inference/ports.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { symbolsOfShard } from '../../lib/market/universe.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../../local/aws/embedded-aws.ts';
import { FIRST_BAR_MS, signalOf } from '../support/inference/sample-signals.ts';

const SYMBOLS = Array.from({ length: 12 }, (_, index) => `S${String.fromCharCode(65 + index)}USDT`);
const names = {
  bucket: 'qt-test',
  signalsTable: 'qt-test-signals',
  riskTable: 'qt-test-risk',
  stage: 'test',
};

let stateDir: string;
let aws: EmbeddedAws;
let clients: ReturnType<typeof createClients>;
let signals: SignalStore;
let nowMs: number;
let pausedMs: number[];
beforeEach(async () => {
  nowMs = FIRST_BAR_MS + BAR_MS;
  pausedMs = [];
  const clock = { nowMs: () => nowMs };
  stateDir = await mkdtemp(`${tmpdir()}/qt-signals-`);
  aws = await startEmbeddedAws({ stateDir, clock });
  clients = createClients(aws.endpoints);
  await ensureLocalResources(clients, names);
  signals = createDynamoSignalStore({
    client: clients.dynamodb,
    table: names.signalsTable,
    retentionDays: 90,
    clock,
  });
});
afterEach(async () => {
  clients.close();
  await aws.close();
  await rm(stateDir, { recursive: true });
});

const store = async (symbols: readonly string[], barOpenTimeMs = FIRST_BAR_MS) => {
  for (const symbol of symbols) await signals.put(signalOf(symbol, barOpenTimeMs));
};
/** The first `count` symbols are stored while the index is behind by so much, the others before. */
async function storeWithLag(count: number, lagMs: number): Promise<void> {
  await store(SYMBOLS.slice(count));
  aws.faults.dynamodb.inject({ kind: 'lag', view: 'index', lagMs });
  await store(SYMBOLS.slice(0, count));
  expect(await signals.ofBar(FIRST_BAR_MS)).toHaveLength(SYMBOLS.length - count);
}
async function read(symbols: readonly string[] = SYMBOLS, shard = { shard: 0, shardCount: 1 }) {
  const sleep = async (durationMs: number) => {
    pausedMs.push(durationMs);
    nowMs += durationMs;
  };
  const decided = { barOpenTimeMs: FIRST_BAR_MS, ensembleId: null, featureSetHash: '', symbols, ...shard };
  const { signals: found, missing } = await readDecidedSignals(
    { signals, sleep },
    { ...decided, symbols: [...symbols] },
  );
  return { found: found.map(({ symbol }) => symbol).sort(), missing };
}

describe('the signals that execute acts on', () => {
  it('are read at once, without a pause, where the index shows all', async () => {
    await store(SYMBOLS);
    expect(await read()).toEqual({ found: SYMBOLS, missing: [] });
    expect(pausedMs).toEqual([]);
  });

  it('are waited for while the index is behind for 6 of 12', async () => {
    await storeWithLag(6, 500);
    expect(await read()).toEqual({ found: SYMBOLS, missing: [] });
    expect(pausedMs).toEqual([200, 400]);
  });

  it('are read from the table when the index stays behind, those of this bar only', async () => {
    await storeWithLag(6, HOUR_MS);
    await store(SYMBOLS.slice(0, 2), FIRST_BAR_MS + BAR_MS);
    await store(SYMBOLS.slice(0, 2), FIRST_BAR_MS - BAR_MS);
    expect(await read()).toEqual({ found: SYMBOLS, missing: [] });
    expect(pausedMs).toEqual([200, 400, 800]);
  });

  it('are named where they are nowhere, and the others are there', async () => {
    await store(SYMBOLS);
    await store(['SZUSDT'], FIRST_BAR_MS - BAR_MS);
    expect(await read([...SYMBOLS, 'SYUSDT', 'SZUSDT'])).toEqual({
      found: SYMBOLS,
      missing: ['SYUSDT', 'SZUSDT'],
    });
  });

  it('are those of the shard, also where an earlier run decided more than the event names', async () => {
    await storeWithLag(6, HOUR_MS);
    for (const shard of [0, 1]) {
      const mine = symbolsOfShard(SYMBOLS, { shard, shardCount: 2 });
      expect(await read(mine, { shard, shardCount: 2 })).toEqual({ found: [...mine].sort(), missing: [] });
    }
    expect((await read([])).found).toEqual(SYMBOLS.slice(6));
  });
});
