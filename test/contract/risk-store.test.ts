import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createDynamoRiskStore } from '../../lib/adapters/aws/dynamodb/dynamo-risk-store.ts';
import { ensureLocalResources } from '../../lib/adapters/aws/resources.ts';
import { createMemoryRiskStore } from '../../lib/adapters/memory/memory-risk-store.ts';
import { StoreError } from '../../lib/core/store-error.ts';
import { authorise } from '../../lib/risk/gate.ts';
import type { RiskStore } from '../../lib/risk/ports.ts';
import { type EmbeddedTarget, openEmbedded } from '../support/aws-target.ts';
import { contextOf, describeRiskStoreContract, openGate, orderOf, planOf } from './risk-store.ts';

const table = 'qt-test-risk';

async function openDynamo(
  way?: 'inProcess',
): Promise<{ target: EmbeddedTarget; store: RiskStore; close(): Promise<void> }> {
  const target = await openEmbedded(way);
  await ensureLocalResources(target.clients, {
    bucket: 'qt-test',
    signalsTable: 'qt-test-signals',
    riskTable: table,
    stage: 'test',
  });
  const store = createDynamoRiskStore({
    client: target.clients.dynamodb,
    table,
    clock: { nowMs: Date.now },
  });
  return { target, store, close: target.close };
}

describeRiskStoreContract('DynamoDB', openDynamo);
describeRiskStoreContract('DynamoDB, in process', () => openDynamo('inProcess'));
describeRiskStoreContract('memory', async () => ({
  store: createMemoryRiskStore(),
  close: async () => {},
}));

describe('risk records on DynamoDB', () => {
  let target: EmbeddedTarget;
  let store: RiskStore;
  beforeEach(async () => {
    ({ target, store } = await openDynamo());
  });
  afterEach(() => target.close());
  const putRaw = (Item: Record<string, unknown>) =>
    target.clients.dynamodb.send(new PutCommand({ TableName: table, Item }));

  it.each([
    ['a latch that is neither', { latch: 'armed' }, 'latch'],
    ['text for a number', { epoch: '1' }, 'epoch'],
    ['a negative exposure', { exposureMicroUsdt: -1 }, 'exposureMicroUsdt'],
    ['a breaker state of another form', { breaker: { latch: 'ARMED' } }, 'breaker'],
  ])('authorises nothing on a malformed gate, and says which field: %s', async (_, damage, field) => {
    await putRaw({ scope: 'paper', sk: 'gate', ...openGate(), ...damage });
    const error = await store.readGate('paper').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StoreError);
    expect((error as Error).message).toMatch(new RegExp(`paper/gate.*${field}`));
    const outcome = await authorise(orderOf(), contextOf(), store.commit).catch((thrown: unknown) => thrown);
    expect(outcome).toBeInstanceOf(StoreError);
  });

  it.each(['latch', 'epoch', 'leaseUntilMs', 'exposureMicroUsdt', 'positionCount', 'authorised', 'reserved'])(
    'authorises nothing on a gate without %s',
    async (attribute) => {
      const { [attribute]: _, ...rest } = openGate() as unknown as Record<string, unknown>;
      await putRaw({ scope: 'paper', sk: 'gate', ...rest });
      const outcome = await authorise(orderOf(), contextOf(), store.commit).catch(
        (thrown: unknown) => thrown,
      );
      expect(outcome).toBeInstanceOf(StoreError);
    },
  );

  it('names a record that is none', async () => {
    await putRaw({ scope: 'paper', sk: 'order#1', value: {} });
    await expect(store.get('paper', 'order#1', z.unknown())).rejects.toThrow(/paper\/order#1.*revision/);
    expect(await store.list({ scope: 'paper', prefix: 'order#' }, z.unknown())).toEqual({
      records: [],
      problems: [
        {
          key: 'order#1',
          message: expect.stringMatching(/paper\/order#1.*revision/),
          value: {},
          revision: undefined,
        },
      ],
    });
  });

  it('recognises its own write when the answer to it was lost', async () => {
    const lose = (operation: string) => target.aws.faults.dynamodb.inject({ kind: 'answer_lost', operation });
    lose('PutItem');
    expect(await store.createGate('paper', openGate())).toBe('created');
    lose('UpdateItem');
    expect((await authorise(orderOf(), contextOf(), store.commit)).ok).toBe(true);
    expect(await authorise(orderOf(), contextOf(), store.commit)).toEqual({ ok: false, error: 'duplicate' });
    expect((await store.readGate('paper'))?.positionCount).toBe(1);
    lose('PutItem');
    expect(await store.put('paper', 'k', 'a', { ifAbsent: true })).toBe('written');
    lose('PutItem');
    expect(await store.put('paper', 'k', 'b', { ifRevision: 1 })).toBe('written');
    expect(await store.get('paper', 'k', z.unknown())).toEqual({ value: 'b', revision: 2 });
  });

  it('takes no other write of the same content for its own', async () => {
    await store.createGate('paper', openGate());
    const rival = createDynamoRiskStore({
      client: target.clients.dynamodb,
      table,
      clock: { nowMs: Date.now },
    });
    // A first request that was not served, then another hand, then the retry.
    const race = (operation: string, act: () => Promise<unknown>) => {
      target.aws.faults.dynamodb.inject({ kind: 'reset', operation });
      target.aws.faults.dynamodb.inject({ kind: 'raced', operation, rival: act });
    };
    race('PutItem', () => rival.put('paper', 'k', 'a', { ifAbsent: true }));
    expect(await store.put('paper', 'k', 'a', { ifAbsent: true })).toBe('conflict');
    race('UpdateItem', () => authorise(orderOf(), contextOf(), rival.commit));
    expect(await authorise(orderOf(), contextOf(), store.commit)).toEqual({ ok: false, error: 'duplicate' });
    expect((await store.readGate('paper'))?.positionCount).toBe(1);
  });

  it('takes no gate that was closed meanwhile for its own write', async () => {
    await store.createGate('paper', openGate());
    const inject = (fault: Parameters<typeof target.aws.faults.dynamodb.inject>[0]) =>
      target.aws.faults.dynamodb.inject(fault);
    inject({ kind: 'answer_lost', operation: 'UpdateItem' });
    inject({ kind: 'raced', operation: 'UpdateItem', rival: () => store.closeLatch('paper') });
    expect((await authorise(orderOf(), contextOf(), store.commit)).ok).toBe(false);
    expect((await store.readGate('paper'))?.latch).toBe('TRIPPED');
  });

  it.each(['throttle', 'error', 'reset'] as const)(
    'gets through one %s, reports a lasting one, and then writes nothing',
    async (kind) => {
      await store.createGate('paper', openGate());
      target.aws.faults.dynamodb.inject({ kind });
      expect((await authorise(orderOf(), contextOf(), store.commit)).ok).toBe(true);
      target.aws.faults.dynamodb.inject({ kind, times: 100 });
      const plan = planOf(orderOf({ clientOrderId: 'qt-2', symbol: 'ETHUSDT' }));
      const others = [
        () => store.readGate('paper'),
        () => store.createGate('live', openGate()),
        () => store.get('paper', 'k', z.unknown()),
        () => store.put('paper', 'k', 1, { ifAbsent: true }),
        () => store.remove('paper', 'k', { ifRevision: 1 }),
        () => store.list({ scope: 'paper', prefix: 'k' }, z.unknown()),
      ];
      // The SDK waits long between throttled attempts.
      const tried = kind === 'throttle' ? [] : others;
      for (const attempt of [() => store.commit('paper', plan), ...tried]) {
        const error = await attempt().catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(StoreError);
        expect(error).toMatchObject({ retryable: true });
      }
      target.aws.faults.dynamodb.clear();
      expect((await store.readGate('paper'))?.positionCount).toBe(1);
    },
  );
});
