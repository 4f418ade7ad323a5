import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDynamoSignalStore } from '../../lib/adapters/aws/dynamodb/dynamo-signal-store.ts';
import { ensureLocalResources } from '../../lib/adapters/aws/resources.ts';
import { createMemorySignalStore } from '../../lib/adapters/memory/memory-signal-store.ts';
import { InvariantError } from '../../lib/core/invariant.ts';
import { StoreError } from '../../lib/core/store-error.ts';
import type { SignalStore } from '../../lib/inference/ports.ts';
import { type EmbeddedTarget, openEmbedded } from '../support/aws-target.ts';
import { FIRST_BAR_MS, runOf, signalOf } from '../support/inference/sample-signals.ts';
import { describeSignalStoreContract } from './signal-store.ts';

const table = 'qt-test-signals';

async function openDynamo(
  way?: 'inProcess',
): Promise<{ target: EmbeddedTarget; store: SignalStore; close(): Promise<void> }> {
  const target = await openEmbedded(way);
  const names = { bucket: 'qt-test', signalsTable: table, riskTable: 'qt-test-risk', stage: 'test' };
  await ensureLocalResources(target.clients, names);
  const clock = { nowMs: () => FIRST_BAR_MS };
  const store = createDynamoSignalStore({ client: target.clients.dynamodb, table, retentionDays: 90, clock });
  return { target, store, close: target.close };
}

describeSignalStoreContract('DynamoDB', openDynamo);
describeSignalStoreContract('DynamoDB, in process', () => openDynamo('inProcess'));
describeSignalStoreContract('memory', async () => ({
  store: createMemorySignalStore(),
  close: async () => {},
}));

describe('signals on DynamoDB', () => {
  let target: EmbeddedTarget;
  let store: SignalStore;
  beforeEach(async () => {
    ({ target, store } = await openDynamo());
  });
  afterEach(() => target.close());
  const putRaw = (Item: Record<string, unknown>) =>
    target.clients.dynamodb.send(new PutCommand({ TableName: table, Item }));

  it.each([
    ['a missing field', { close: undefined }, 'close'],
    ['text for a number', { atr: '1.5' }, 'atr'],
    ['an unknown action', { action: 'HODL' }, 'action'],
    ['a probability above 1', { probabilities: { sell: 0, hold: 0, buy: 1.1 } }, 'probabilities.buy'],
  ])('names the item and the field of a malformed item: %s', async (_, damage, field) => {
    const { close, ...rest } = signalOf('AUSDT', FIRST_BAR_MS);
    await putRaw({ ...rest, ...('close' in damage ? {} : { close, ...damage }) });
    for (const read of [() => store.ofBar(FIRST_BAR_MS), () => store.lastOfSymbol('AUSDT', 3)]) {
      const error = await read().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(StoreError);
      expect((error as Error).message).toContain(`AUSDT/${FIRST_BAR_MS}`);
      expect((error as Error).message).toContain(field);
      expect(error).toMatchObject({ retryable: false });
    }
  });

  it('reads what a newer version has written more into, without it', async () => {
    const signal = signalOf('AUSDT', FIRST_BAR_MS);
    await putRaw({ ...signal, fromTheFuture: 1 });
    expect(await store.ofBar(FIRST_BAR_MS)).toEqual([signal]);
  });

  it('refuses to read a run that is malformed', async () => {
    await store.putRun(runOf(FIRST_BAR_MS));
    await putRaw({ symbol: '#run/0/1', barOpenTimeMs: FIRST_BAR_MS + 300_000, written: 1 });
    await expect(store.lastRuns({ shard: 0, shardCount: 1, count: 1 })).rejects.toThrow('#run/0/1');
  });

  it('never stores what it would not read', async () => {
    for (const damage of [{ confidence: Number.NaN }, { symbol: '#run/0/1' }, { stopPrice: 0 }])
      await expect(store.put(signalOf('AUSDT', FIRST_BAR_MS, damage))).rejects.toThrow(InvariantError);
    await expect(store.putRun(runOf(FIRST_BAR_MS, { written: -1 }))).rejects.toThrow(InvariantError);
    expect(await store.ofBar(FIRST_BAR_MS)).toEqual([]);
  });

  it('writes past a call that is never answered', async () => {
    target.aws.faults.dynamodb.inject({ kind: 'hang', operation: 'PutItem' });
    expect(await store.put(signalOf('AUSDT', FIRST_BAR_MS))).toBe('written');
  });

  it('writes once when the answer to a write is lost', async () => {
    target.aws.faults.dynamodb.inject({ kind: 'answer_lost', operation: 'PutItem' });
    expect(['written', 'already_decided']).toContain(await store.put(signalOf('AUSDT', FIRST_BAR_MS)));
    expect(await store.ofBar(FIRST_BAR_MS)).toHaveLength(1);
  });

  it.each(['throttle', 'error', 'reset'] as const)(
    'gets through one %s and reports a lasting one',
    async (kind) => {
      target.aws.faults.dynamodb.inject({ kind });
      expect(await store.put(signalOf('AUSDT', FIRST_BAR_MS))).toBe('written');
      target.aws.faults.dynamodb.inject({ kind, times: 100 });
      for (const attempt of [
        () => store.put(signalOf('BUSDT', FIRST_BAR_MS)),
        () => store.ofBar(FIRST_BAR_MS),
        () => store.lastOfSymbol('AUSDT', 1),
        () => store.putRun(runOf(FIRST_BAR_MS)),
      ]) {
        const error = await attempt().catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(StoreError);
        expect(error).toMatchObject({ retryable: true });
      }
    },
  );
});
