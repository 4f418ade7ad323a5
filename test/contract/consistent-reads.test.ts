// What orders depend on is read strongly consistent, page by page to the end. The embedded database answers every read of a table
// alike, so the requests themselves are looked at.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { createDynamoRiskStore } from '../../lib/adapters/aws/dynamodb/dynamo-risk-store.ts';
import { createDynamoSignalStore } from '../../lib/adapters/aws/dynamodb/dynamo-signal-store.ts';
import { ensureLocalResources } from '../../lib/adapters/aws/resources.ts';
import { createS3ObjectStore } from '../../lib/adapters/aws/s3/s3-object-store.ts';
import { type EmbeddedTarget, openEmbedded } from '../support/aws-target.ts';
import { FIRST_BAR_MS, runOf, signalOf } from '../support/inference/sample-signals.ts';
import { openGate } from './risk-store.ts';

const names = {
  bucket: 'qt-test',
  signalsTable: 'qt-test-signals',
  riskTable: 'qt-test-risk',
  stage: 'test',
};
const clock = { nowMs: () => FIRST_BAR_MS };

interface SeenRead {
  readonly command: string;
  readonly isConsistent: boolean;
  readonly index: string | undefined;
}

let target: EmbeddedTarget;
let reads: SeenRead[];
/** Items of a page at most, whatever is asked for; undefined leaves it to the database. */
let pageItems: number | undefined;
beforeEach(async () => {
  target = await openEmbedded();
  await ensureLocalResources(target.clients, names);
  reads = [];
  pageItems = undefined;
  target.clients.dynamodb.middlewareStack.add(
    (next, { commandName }) =>
      async (step) => {
        const input = step.input as { ConsistentRead?: boolean; IndexName?: string; Limit?: number };
        if (commandName === 'GetItemCommand' || commandName === 'QueryCommand')
          reads.push({
            command: commandName,
            isConsistent: input.ConsistentRead === true,
            index: input.IndexName,
          });
        if (commandName === 'QueryCommand' && pageItems !== undefined)
          return next({ ...step, input: { ...input, Limit: pageItems } as typeof step.input });
        return next(step);
      },
    { step: 'initialize' },
  );
});
afterEach(() => target.close());

const riskStore = () =>
  createDynamoRiskStore({ client: target.clients.dynamodb, table: names.riskTable, clock });
const signalStore = () =>
  createDynamoSignalStore({
    client: target.clients.dynamodb,
    table: names.signalsTable,
    retentionDays: 90,
    clock,
  });

it('of the gate and the records are all strongly consistent', async () => {
  const risk = riskStore();
  await risk.createGate('paper', openGate());
  await risk.readGate('paper');
  await risk.get('paper', 'a', z.unknown());
  await risk.list({ scope: 'paper', prefix: 'a' }, z.unknown());
  // Denied, and read again to say why.
  const never = { conditions: [{ path: ['epoch'], equals: -1, denial: 'no' }], changes: [] } as const;
  expect(await risk.commit('paper', never)).toEqual({ ok: false, error: 'no' });
  expect(reads.map(({ command }) => command)).toEqual([
    'GetItemCommand',
    'GetItemCommand',
    'QueryCommand',
    'GetItemCommand',
  ]);
  expect(reads.filter(({ isConsistent }) => !isConsistent)).toEqual([]);
});

it('of signals and runs are so wherever the table is asked, and not an index, which cannot', async () => {
  const signals = signalStore();
  await signals.lastRuns({ shard: 0, shardCount: 1, count: 3 });
  await signals.lastOfSymbol('AUSDT', 3);
  await signals.ofBar(FIRST_BAR_MS);
  await signals.runsOfBar(FIRST_BAR_MS);
  expect(reads.map(({ isConsistent, index }) => isConsistent !== (index !== undefined))).toEqual([
    true,
    true,
    true,
    true,
  ]);
});

it('go on to the last page', async () => {
  const SIZE = 7;
  const each = <T>(make: (index: number) => Promise<T>) =>
    Promise.all(Array.from({ length: SIZE }, (_, index) => make(index)));
  const [risk, signals] = [riskStore(), signalStore()];
  await each((index) => risk.put('paper', `order#${index}`, index, { ifAbsent: true }));
  await each((index) => signals.put(signalOf(`A${index}USDT`, FIRST_BAR_MS)));
  await each((index) => signals.putRun(runOf(FIRST_BAR_MS, { shard: index, shardCount: SIZE })));
  pageItems = 2;
  const { records } = await risk.list({ scope: 'paper', prefix: 'order#' }, z.number());
  expect(records.map(({ value }) => value)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  await expect.poll(async () => (await signals.ofBar(FIRST_BAR_MS)).length, { timeout: 20_000 }).toBe(SIZE);
  await expect
    .poll(async () => (await signals.runsOfBar(FIRST_BAR_MS)).length, { timeout: 20_000 })
    .toBe(SIZE);
});

it('of a list of objects too', async () => {
  const store = createS3ObjectStore({ client: target.clients.s3, bucket: names.bucket });
  const keys = ['models/a', 'models/b', 'models/c', 'models/d', 'models/e'];
  for (const key of keys) await store.put(key, Buffer.from(key));
  target.clients.s3.middlewareStack.add(
    (next, { commandName }) =>
      (step) =>
        next(
          commandName === 'ListObjectsV2Command'
            ? { ...step, input: { ...step.input, MaxKeys: 2 } as typeof step.input }
            : step,
        ),
    { step: 'initialize' },
  );
  expect((await store.list('models/')).map(({ key }) => key)).toEqual(keys);
});
