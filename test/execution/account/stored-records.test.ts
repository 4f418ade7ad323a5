// What is read back of the records of trading: whole where all rests on it, and with what an older version did not know yet.
import { describe, expect, it } from 'vitest';
import { createMemoryRiskStore } from '../../../lib/adapters/memory/memory-risk-store.ts';
import { unproven } from '../../../lib/core/actor.ts';
import { DAY_MS } from '../../../lib/core/units.ts';
import { type ExecuteReport, executeReportSchema } from '../../../lib/execution/execute-report.ts';
import { externalPositionsSchema } from '../../../lib/execution/external-positions.ts';
import { newBookedLedger } from '../../../lib/execution/ledger/booked-ledger.ts';
import { newPaperAccount, type PaperOrder } from '../../../lib/execution/paper/paper-account.ts';
import {
  type OrderRecord,
  orderRecordSchema,
  type PositionRecord,
  positionRecordSchema,
} from '../../../lib/execution/records.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { allValues } from '../../../lib/risk/use-cases/typed-records.ts';

const ORDER: OrderRecord = {
  ...{
    clientOrderId: 'qt-1',
    symbol: 'BTCUSDT',
    leg: 'entry',
    side: 'BUY',
    quantity: 0.1,
    stopPrice: 49_000,
  },
  ...{ exitDueMs: 7, barOpenTimeMs: 5, ensembleId: 'e20240728_000000', referencePrice: 50_000 },
  ...{ notionalMicroUsdt: 5_000_000_000, authorisedEpoch: 3, filledAtMs: 6, bookedQuantity: 0.1 },
  state: { status: 'filled', quantity: 0.1, filledQuantity: 0.1, averagePrice: 50_000 },
  ...{ bookedFeeMicroUsdt: -1, note: '', createdAtMs: 5, updatedAtMs: 6 },
};
const POSITION: PositionRecord = {
  ...{ symbol: 'BTCUSDT', side: 'SELL', quantity: 0.1, entryPrice: 50_000, entryClientOrderId: 'qt-1' },
  ...{ stopPrice: 51_000, stopClientOrderId: 'qt-2', stopSequence: -1, unprotectedSinceMs: 5 },
  ...{ exitClientOrderId: 'qt-3', exitSequence: 0, exitDueMs: 7, openedAtMs: 5 },
};
const REPORT: ExecuteReport = {
  ...{ barOpenTimeMs: 5, shard: 1, shardCount: 2, atMs: 6, scope: 'live', mode: 'LIVE', held: 3 },
  reasons: [{ code: 'paper_trading', message: '' }],
  ...{ versionDifferences: ['a'], missingSignals: ['BTCUSDT'] },
  decisions: [
    { symbol: 'BTCUSDT', action: 'BUY', outcomes: ['position_open', 'signal_stale'], message: '' },
    { symbol: 'ETHUSDT', action: 'SELL', outcomes: ['exited'], message: '' },
  ],
};
const without = <T extends object>(document: T, ...keys: (keyof T)[]) =>
  Object.fromEntries(Object.entries(document).filter(([key]) => !keys.includes(key as keyof T)));

describe('the record of an order', () => {
  it('is read as it was written, and without what a newer version has added', () => {
    const reduction = {
      ...ORDER,
      ...{ leg: 'stop', stopPrice: null, exitDueMs: null, barOpenTimeMs: null, ensembleId: null },
      ...{ referencePrice: null, notionalMicroUsdt: 0, authorisedEpoch: 0, bookedQuantity: 0 },
    };
    for (const order of [ORDER, reduction]) expect(orderRecordSchema.parse(order)).toEqual(order);
    expect(orderRecordSchema.parse({ ...ORDER, colour: 'red' })).toEqual(ORDER);
  });

  it('of an older version has no epoch and no time of its fill', () => {
    expect(orderRecordSchema.parse(without(ORDER, 'authorisedEpoch', 'filledAtMs'))).toEqual({
      ...{ ...ORDER, authorisedEpoch: null, filledAtMs: null },
    });
  });

  it.each<[keyof OrderRecord, ...unknown[]]>([
    ['clientOrderId', undefined, 1],
    ['symbol', undefined, 1],
    ['leg', undefined, 'arm'],
    ['side', undefined, 'HOLD'],
    ['quantity', undefined, 0, -1],
    ['stopPrice', undefined, 0, -1],
    ['exitDueMs', undefined, 0.5],
    ['barOpenTimeMs', undefined, 0.5],
    ['ensembleId', undefined, 1],
    ['referencePrice', undefined, 0, -1],
    ['notionalMicroUsdt', undefined, -1, 0.5],
    ['state', undefined, {}],
    ['authorisedEpoch', -1, 0.5],
    ['filledAtMs', 0.5],
    ['bookedQuantity', undefined, -1],
    ['bookedFeeMicroUsdt', undefined, 0.5],
    ['note', undefined, 1],
    ['createdAtMs', undefined, 0.5],
    ['updatedAtMs', undefined, 0.5],
  ])('is none with %s as one of these', (key, ...values) => {
    for (const value of values) {
      const order = value === undefined ? without(ORDER, key) : { ...ORDER, [key]: value };
      expect(orderRecordSchema.safeParse(order).success, String(value)).toBe(false);
    }
  });
});

describe('the record of a position', () => {
  it('is read as it was written, and without what a newer version has added', () => {
    const bare = {
      ...POSITION,
      ...{ stopClientOrderId: null, stopSequence: null, unprotectedSinceMs: null },
      ...{ exitClientOrderId: null, exitSequence: null },
    };
    for (const position of [POSITION, bare]) expect(positionRecordSchema.parse(position)).toEqual(position);
    expect(positionRecordSchema.parse({ ...POSITION, colour: 'red' })).toEqual(POSITION);
  });

  it('of an older version has no numbers of its orders', () => {
    expect(positionRecordSchema.parse(without(POSITION, 'stopSequence', 'exitSequence'))).toEqual({
      ...{ ...POSITION, stopSequence: null, exitSequence: null },
    });
  });

  it.each<[keyof PositionRecord, ...unknown[]]>([
    ['symbol', undefined, 1],
    ['side', undefined, 'HOLD'],
    ['quantity', undefined, 0, -1],
    ['entryPrice', undefined, 0, -1],
    ['entryClientOrderId', undefined, null],
    ['stopPrice', undefined, 0, null],
    ['stopClientOrderId', undefined, 1],
    ['stopSequence', 0.5],
    ['unprotectedSinceMs', undefined, 0.5],
    ['exitClientOrderId', undefined, 1],
    ['exitSequence', 0.5],
    ['exitDueMs', undefined, null, 0.5],
    ['openedAtMs', undefined, 0.5],
  ])('is none with %s as one of these', (key, ...values) => {
    for (const value of values) {
      const position = value === undefined ? without(POSITION, key) : { ...POSITION, [key]: value };
      expect(positionRecordSchema.safeParse(position).success, String(value)).toBe(false);
    }
  });
});

describe('the report of execute', () => {
  it('is read as it was written; an older one names no differences and no missing signals', () => {
    expect(executeReportSchema.parse(REPORT)).toEqual(REPORT);
    const smallest = { ...REPORT, shard: 0, shardCount: 1, held: 0, decisions: [] };
    expect(executeReportSchema.parse(smallest)).toEqual(smallest);
    expect(executeReportSchema.parse(without(REPORT, 'versionDifferences', 'missingSignals'))).toEqual({
      ...{ ...REPORT, versionDifferences: [], missingSignals: [] },
    });
  });

  it.each<[string, object]>([
    ['shard', { shard: -1 }],
    ['number of shards', { shardCount: 0 }],
    ['number of those that hold', { held: -1 }],
    ['scope', { scope: 'test' }],
    ['mode', { mode: 'ON' }],
    ['reason', { reasons: [{ code: 'whim', message: '' }] }],
    ['reason with more to it', { reasons: [{ code: 'paper_trading', message: '', more: 1 }] }],
    ['decision without an outcome', { decisions: [{ ...REPORT.decisions[0]!, outcomes: [] }] }],
    ['outcome', { decisions: [{ ...REPORT.decisions[0]!, outcomes: ['whim'] }] }],
    ['action', { decisions: [{ ...REPORT.decisions[0]!, action: 'HOLD' }] }],
    ['decision with more to it', { decisions: [{ ...REPORT.decisions[0]!, more: 1 }] }],
  ])('is none with another %s', (_name, over) => {
    expect(executeReportSchema.safeParse({ ...REPORT, ...over }).success).toBe(false);
  });
});

describe('positions of others', () => {
  it('are closed or left, and nothing else is known to do with them', () => {
    expect(externalPositionsSchema.parse('adopt-and-close')).toBe('adopt-and-close');
    expect(externalPositionsSchema.parse('leave-and-halt')).toBe('leave-and-halt');
    expect(externalPositionsSchema.safeParse('leave').success).toBe(false);
  });
});

describe('records of trading', () => {
  /** A store that says how long what was put stays, in days. */
  function open() {
    const risk = createMemoryRiskStore();
    const kept = new Map<string, number | 'for ever'>();
    const { put } = risk;
    risk.put = (scope, key, value, how) => {
      kept.set(key, how.keptMs === undefined ? 'for ever' : how.keptMs / DAY_MS);
      return put(scope, key, value, how);
    };
    return { risk, kept, records: executionRecords(risk) };
  }
  const paperOrder: PaperOrder = {
    ...{ clientOrderId: 'qt-1', symbol: 'BTCUSDT', kind: 'market', side: 'BUY', quantity: 1 },
    ...{ reduceOnly: false, stopPrice: null, status: 'filled', filledQuantity: 1, averagePrice: 1 },
    ...{ feeMicroUsdt: 1, realisedMicroUsdt: 0, createdAtMs: 1, updatedAtMs: 2 },
  };

  it('each lie under a key of their own, and pass after 90 days where nothing rests on them', async () => {
    const { kept, records } = open();
    const absent = { ifAbsent: true } as const;
    await records.orders.put('paper', ORDER, absent);
    await records.positions.put('paper', POSITION, absent);
    await records.executeReports.add('paper', REPORT);
    await records.paperAccount.put('paper', newPaperAccount(1), absent);
    await records.paperOrders.put('paper', paperOrder, absent);
    const declaration = { atMs: 5, amountMicroUsdt: -1, by: unproven('ada'), reason: '' };
    await records.transferDeclarations.add('paper', declaration);
    await records.bookedLedger.put('paper', newBookedLedger(1, 5), absent);
    expect(Object.fromEntries(kept)).toEqual({
      ...{ 'order#qt-1': 90, 'position#BTCUSDT': 'for ever', 'execute#0000000000005#1': 90 },
      ...{ 'paper-account': 'for ever', 'paper-order#qt-1': 90 },
      ...{ 'transfer-declaration#0000000000005': 'for ever', ledger: 'for ever' },
    });
    expect((await records.bookedLedger.get('paper'))?.value).toEqual(newBookedLedger(1, 5));
    expect((await records.paperAccount.get('paper'))?.value).toEqual(newPaperAccount(1));
    expect(allValues(await records.paperOrders.all('paper'))).toEqual([paperOrder]);
  });

  it('keep the reports of every shard of a bar', async () => {
    const { records } = open();
    for (const shard of [0, 1]) await records.executeReports.add('paper', { ...REPORT, shard });
    expect(allValues(await records.executeReports.all('paper')).map(({ shard }) => shard)).toEqual([0, 1]);
  });

  it('list orders by the time at which they were made', async () => {
    const { records } = open();
    for (const [clientOrderId, createdAtMs] of [
      ['qt-a', 9],
      ['qt-b', 7],
      ['qt-c', 8],
    ] as const)
      await records.orders.put('paper', { ...ORDER, clientOrderId, createdAtMs }, { ifAbsent: true });
    const newest = await records.orders.newestBefore('paper', { count: 2, beforeId: undefined });
    expect(allValues(newest).map(({ clientOrderId }) => clientOrderId)).toEqual(['qt-a', 'qt-c']);
  });
});
