// However long the system has run, a tick of the breaker reads what its windows need and no more, and misses nothing of it; and
// what nobody will ask for again goes from the local tables.

import { BatchWriteCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createDynamoRiskStore } from '../../../lib/adapters/aws/dynamodb/dynamo-risk-store.ts';
import { createDynamoSignalStore } from '../../../lib/adapters/aws/dynamodb/dynamo-signal-store.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../lib/core/units.ts';
import { newOrderState } from '../../../lib/execution/order-state.ts';
import {
  BOOKED_LEDGER,
  EXECUTE_REPORTS,
  ORDERS,
  orderRecordSchema,
  PAPER_ORDERS,
  POSITIONS,
} from '../../../lib/execution/records.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { updateOrder } from '../../../lib/execution/use-cases/send-order.ts';
import { BREAKER_LIMITS } from '../../../lib/risk/breaker/limits.ts';
import { firstArmed } from '../../../lib/risk/breaker/state.ts';
import { newGate } from '../../../lib/risk/gate.ts';
import type { RecordCondition } from '../../../lib/risk/ports.ts';
import { keyOf, type RecordKind, seriesId, sortable } from '../../../lib/risk/record-kind.ts';
import {
  AUDIT,
  DAYS,
  EQUITY,
  INCIDENTS,
  POSITION_MANAGER,
  REJECTIONS,
  TRADES,
  tradeRecordSchema,
} from '../../../lib/risk/records.ts';
import { collectBreakerEvidence } from '../../../lib/risk/use-cases/breaker-evidence.ts';
import { DRIFT, PARITY } from '../../../lib/rollout/records.ts';
import { expireLocalItems, prepareLocalStage } from '../../../lib/runtime/compose/local-stage.ts';
import { openLocalStage } from '../../../lib/runtime/compose/operator.ts';
import { LOCAL_STAGE, resourcesOfStage } from '../../../lib/runtime/config/stage.ts';
import { type EmbeddedTarget, openEmbedded } from '../../support/aws-target.ts';
import { runOf } from '../../support/inference/sample-signals.ts';
import { beHealthy, START_MS } from '../../support/trading/healthy-scope.ts';
import { ScriptedExchange } from '../../support/trading/scripted-exchange.ts';
import { signalOf } from '../../support/trading/trading-world.ts';

const { riskTable, signalsTable } = resourcesOfStage(LOCAL_STAGE);

let target: EmbeddedTarget;
let nowMs: number;
const clock = { nowMs: () => nowMs };
const stores = () => ({
  risk: createDynamoRiskStore({ client: target.clients.dynamodb, table: riskTable, clock }),
  signals: createDynamoSignalStore({
    client: target.clients.dynamodb,
    table: signalsTable,
    retentionDays: 14,
    clock,
  }),
});
beforeEach(async () => {
  nowMs = START_MS;
  target = await openEmbedded();
  const { objects, close } = openLocalStage(target.aws.endpoints, '.');
  await prepareLocalStage(target.aws.endpoints, objects);
  await close();
});
afterEach(() => target.close());

const trade = tradeRecordSchema.parse({
  symbol: 'BTCUSDT',
  side: 'BUY',
  quantity: 1,
  entryPrice: 1,
  exitPrice: 1,
  reason: 'stop',
  feesMicroUsdt: 0,
  profitMicroUsdt: 0,
  openedAtMs: 0,
  closedAtMs: 0,
  entryClientOrderId: 'qt',
  ensembleId: null,
});
const orderOf = (clientOrderId: string, status: 'filled' | 'authorised' | 'rejected', atMs: number) =>
  orderRecordSchema.parse({
    clientOrderId,
    symbol: 'BTCUSDT',
    leg: 'entry',
    side: 'BUY',
    quantity: 1,
    stopPrice: 1,
    exitDueMs: 1,
    authorisedEpoch: null,
    barOpenTimeMs: 1,
    ensembleId: 'e',
    referencePrice: 1,
    notionalMicroUsdt: 1,
    state:
      status === 'filled'
        ? { status, quantity: 1, filledQuantity: 1, averagePrice: 1 }
        : { status, quantity: 1, filledQuantity: 0, averagePrice: null },
    bookedQuantity: 0,
    bookedFeeMicroUsdt: 0,
    note: '',
    createdAtMs: atMs,
    updatedAtMs: atMs,
  });

/** Months of trading: for each moment an order, its trade by a stop, a mark, and now and then a refused order. */
async function writeHistory(moments: number): Promise<void> {
  const puts = Array.from({ length: moments }, (_, index) => {
    const atMs = START_MS - HOUR_MS - index * 30 * MINUTE_MS;
    const closed = { ...trade, closedAtMs: atMs };
    const key = String(index);
    return [
      [keyOf(ORDERS, key), orderOf(key, index % 2 === 0 ? 'rejected' : 'filled', atMs)],
      [keyOf(TRADES, seriesId(TRADES, closed)), closed],
      [keyOf(REJECTIONS, `${sortable(atMs)}#${key}`), { atMs, clientOrderId: key }],
      [
        keyOf(EQUITY, sortable(atMs)),
        { atMs, equityMicroUsdt: 1, walletMicroUsdt: 1, exposureMicroUsdt: 0, positions: 0 },
      ],
    ] as const;
  }).flat();
  for (let from = 0; from < puts.length; from += 25) {
    const requests = puts.slice(from, from + 25).map(([sk, value]) => ({
      PutRequest: { Item: { scope: 'paper', sk, value, revision: 1 } },
    }));
    await target.clients.dynamodb.send(new BatchWriteCommand({ RequestItems: { [riskTable]: requests } }));
  }
}

/** Items that DynamoDB has read for us while the work was done. */
async function itemsRead(work: () => Promise<unknown>): Promise<number> {
  let items = 0;
  const { middlewareStack } = target.clients.dynamodb;
  middlewareStack.add(
    (next) => async (args) => {
      const answer = await next(args);
      const { ScannedCount, Item } = answer.output as { ScannedCount?: number; Item?: object };
      items += ScannedCount ?? (Item === undefined ? 0 : 1);
      return answer;
    },
    { step: 'initialize', name: 'count' },
  );
  try {
    await work();
  } finally {
    middlewareStack.remove('count');
  }
  return items;
}

describe('the evidence of a tick', () => {
  it('takes as many reads after thousands of orders as at first, and misses no stop and no rejection', async () => {
    const { risk, signals } = stores();
    for (let bar = 0; bar < 30; bar++)
      await signals.putRun(runOf(START_MS - (START_MS % 300_000) - bar * 300_000));
    await beHealthy({ risk, signals }, { scope: 'paper', nowMs });
    const sources = { risk, signals, shards: 1, limits: BREAKER_LIMITS };
    const collect = () =>
      collectBreakerEvidence(sources, { scope: 'paper', state: firstArmed(START_MS), nowMs });
    const atFirst = await itemsRead(collect);
    await writeHistory(2_000);
    expect(await itemsRead(collect)).toBe(atFirst);
    expect(atFirst).toBeLessThan(40);

    const context = { risk, broker: new ScriptedExchange(clock).broker, clock };
    const stopsAtMs = [46, 40, 2, 1].map((minutes) => nowMs - minutes * MINUTE_MS);
    const { trades, orders } = executionRecords(risk);
    for (const closedAtMs of stopsAtMs) await trades.add('paper', { ...trade, closedAtMs });
    const rejectedAtMs = [16, 9, 0].map((minutes) => nowMs - minutes * MINUTE_MS);
    for (const [index, atMs] of rejectedAtMs.entries()) {
      const id = `qt-${index}`;
      await orders.put('paper', orderOf(id, 'authorised', atMs), { ifAbsent: true });
      const then = { ...context, clock: { nowMs: () => atMs } };
      const reject = () =>
        updateOrder(then, id, (order) => ({
          ...order,
          state: { ...newOrderState(order.quantity), status: 'rejected' },
        }));
      await Promise.all([reject(), reject()]);
    }
    const evidence = await collect();
    expect(evidence.stopHitsAtMs).toEqual({ state: 'value', value: stopsAtMs });
    expect(evidence.rejectionsAtMs).toEqual({ state: 'value', value: rejectedAtMs });
    expect(await itemsRead(collect)).toBe(atFirst + stopsAtMs.length + rejectedAtMs.length);
  });

  it('counts an order whose rejection could not be written down, and counts it once', async () => {
    const { risk, signals } = stores();
    const dies = {
      ...risk,
      put: async (...[scope, key, value, condition]: Parameters<typeof risk.put>) => {
        if (key.startsWith(keyOf(ORDERS, ''))) throw new Error('dead');
        return risk.put(scope, key, value, condition);
      },
    };
    await executionRecords(risk).orders.put('paper', orderOf('qt-1', 'authorised', nowMs), {
      ifAbsent: true,
    });
    const { broker } = new ScriptedExchange(clock);
    const reject = (store: typeof risk) =>
      updateOrder({ risk: store, broker, clock }, 'qt-1', (order) => ({
        ...order,
        state: { ...newOrderState(order.quantity), status: 'rejected' },
      }));
    await expect(reject(dies)).rejects.toThrow('dead');
    const collect = () =>
      collectBreakerEvidence(
        { risk, signals, shards: 1, limits: BREAKER_LIMITS },
        { scope: 'paper', state: firstArmed(START_MS), nowMs },
      );
    expect((await collect()).rejectionsAtMs).toEqual({ state: 'value', value: [nowMs] });
    nowMs += MINUTE_MS;
    await reject(risk);
    expect((await collect()).rejectionsAtMs).toMatchObject({ value: [nowMs] });
  });
});

describe('the local tables', () => {
  /** Every part of them, as in a week of hours. */
  const expireAll = async () => {
    for (let hour = 0; hour < 7 * 24; hour++)
      await expireLocalItems(target.aws.endpoints, nowMs + hour * HOUR_MS);
  };
  const passing = [ORDERS, PAPER_ORDERS, REJECTIONS, EQUITY, INCIDENTS, EXECUTE_REPORTS, PARITY, DRIFT];
  const kept = [AUDIT, DAYS, POSITION_MANAGER, BOOKED_LEDGER, POSITIONS, TRADES];

  it('lose what has expired, and keep what is, the audit, the trades and what was written again', async () => {
    const { risk, signals } = stores();
    // As whoever writes a record of the kind asks for.
    const put = (kind: Pick<RecordKind<never>, 'name' | 'keptMs'>, condition: RecordCondition) =>
      risk.put('paper', keyOf(kind, '1'), {}, { ...condition, ...(kind.keptMs && { keptMs: kind.keptMs }) });
    for (const kind of [...passing, ...kept]) await put(kind, { ifAbsent: true });
    await risk.createGate('paper', newGate(firstArmed(nowMs)));
    const namesOf = (kinds: readonly { readonly name: string }[]) => kinds.map(({ name }) => name);
    const left = async () => {
      const kinds = await Promise.all(
        [...passing, ...kept].map(async (kind) =>
          (await risk.get('paper', keyOf(kind, '1'), z.unknown())) === undefined ? [] : [kind],
        ),
      );
      return namesOf(kinds.flat());
    };
    await signals.put(signalOf('BTCUSDT', 'HOLD', { barOpenTimeMs: START_MS }));
    await signals.putRun(runOf(START_MS));
    await expireAll();
    expect(await left()).toEqual(namesOf([...passing, ...kept]));
    expect(await signals.lastOfSymbol('BTCUSDT', 9)).toHaveLength(1);

    nowMs += 91 * DAY_MS;
    await signals.put(signalOf('BTCUSDT', 'HOLD', { barOpenTimeMs: nowMs }));
    await put(EQUITY, { ifRevision: 1 });
    await expireAll();
    expect(await left()).toEqual(namesOf([EQUITY, ...kept]));
    expect(await risk.readGate('paper')).toMatchObject({ latch: 'ARMED' });
    expect((await signals.lastOfSymbol('BTCUSDT', 9)).map((signal) => signal.barOpenTimeMs)).toEqual([nowMs]);
    expect(await signals.ofBar(START_MS)).toEqual([]);
    expect(await signals.lastRuns({ shard: 0, shardCount: 1, count: 9 })).toEqual([]);
  });
});
