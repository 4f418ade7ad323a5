// Every kind of record, written and read back by its repository: in memory and on DynamoDB.

import { GetCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createDynamoRiskStore } from '../../lib/adapters/aws/dynamodb/dynamo-risk-store.ts';
import { ensureLocalResources, RISK_TABLE } from '../../lib/adapters/aws/resources.ts';
import { createMemoryRiskStore } from '../../lib/adapters/memory/memory-risk-store.ts';
import { API_TOKENS } from '../../lib/api/api-token.ts';
import { unproven } from '../../lib/core/actor.ts';
import { InvariantError } from '../../lib/core/invariant.ts';
import { DAY_MS, SECOND_MS } from '../../lib/core/units.ts';
import type { ExecuteReport } from '../../lib/execution/execute-report.ts';
import { newBookedLedger } from '../../lib/execution/ledger/booked-ledger.ts';
import { newPaperAccount, type PaperOrder } from '../../lib/execution/paper/paper-account.ts';
import * as executionKinds from '../../lib/execution/records.ts';
import type { DriftRecord } from '../../lib/models/drift-record.ts';
import { initialRollout } from '../../lib/risk/level.ts';
import type { RiskStore } from '../../lib/risk/ports.ts';
import { keyOf, type RecordKind } from '../../lib/risk/record-kind.ts';
import * as riskKinds from '../../lib/risk/records.ts';
import { allRecords, allValues, SingleRecord } from '../../lib/risk/use-cases/typed-records.ts';
import * as rolloutKinds from '../../lib/rollout/records.ts';
import { rolloutRecords } from '../../lib/rollout/use-cases/rollout-records.ts';
import { openEmbedded } from '../support/aws-target.ts';

const NOW_MS = Date.UTC(2024, 7, 5, 12);
const NAMES = {
  bucket: 'qt-test',
  signalsTable: 'qt-test-signals',
  riskTable: 'qt-test-risk',
  stage: 'test',
};

const snapshot = (atMs: number): riskKinds.EquitySnapshot => ({
  atMs,
  equityMicroUsdt: 1,
  walletMicroUsdt: 1,
  exposureMicroUsdt: 1,
  positions: 1,
  codeVersion: 'v1',
});
const trade: riskKinds.TradeRecord = {
  symbol: 'BTCUSDT',
  side: 'BUY',
  quantity: 0.1,
  entryPrice: 1,
  exitPrice: null,
  reason: 'stop',
  feesMicroUsdt: 0,
  profitMicroUsdt: -1,
  openedAtMs: NOW_MS - 1,
  closedAtMs: NOW_MS,
  entryClientOrderId: 'qt-1',
  ensembleId: null,
};
const declaration: executionKinds.TransferDeclarationRecord = {
  ...{ atMs: NOW_MS, amountMicroUsdt: -500_000_000, by: unproven('ann'), reason: 'profit' },
};
const order: executionKinds.OrderRecord = {
  clientOrderId: 'qt-1',
  symbol: 'BTCUSDT',
  leg: 'entry',
  side: 'BUY',
  quantity: 0.1,
  stopPrice: 1,
  exitDueMs: NOW_MS,
  authorisedEpoch: null,
  barOpenTimeMs: NOW_MS,
  ensembleId: 'e',
  referencePrice: 1,
  notionalMicroUsdt: 1,
  state: { status: 'authorised', quantity: 0.1, filledQuantity: 0, averagePrice: null },
  filledAtMs: null,
  bookedQuantity: 0,
  bookedFeeMicroUsdt: 0,
  note: '',
  createdAtMs: NOW_MS,
  updatedAtMs: NOW_MS,
};
const position: executionKinds.PositionRecord = {
  symbol: 'BTCUSDT',
  side: 'BUY',
  quantity: 0.1,
  entryPrice: 1,
  entryClientOrderId: 'qt-1',
  stopPrice: 1,
  stopClientOrderId: null,
  stopSequence: null,
  unprotectedSinceMs: NOW_MS,
  exitClientOrderId: null,
  exitSequence: null,
  exitDueMs: NOW_MS,
  openedAtMs: NOW_MS,
};
const paperOrder: PaperOrder = {
  clientOrderId: 'qt-1',
  symbol: 'BTCUSDT',
  kind: 'market',
  side: 'BUY',
  quantity: 0.1,
  reduceOnly: false,
  stopPrice: null,
  status: 'filled',
  filledQuantity: 0.1,
  averagePrice: 1,
  feeMicroUsdt: 1,
  realisedMicroUsdt: 0,
  createdAtMs: NOW_MS,
  updatedAtMs: NOW_MS,
};
const report: ExecuteReport = {
  barOpenTimeMs: NOW_MS,
  shard: 3,
  shardCount: 4,
  atMs: NOW_MS,
  scope: 'paper',
  mode: 'OFF',
  reasons: [],
  versionDifferences: [],
  missingSignals: [],
  held: 1,
  decisions: [],
};
const audit: riskKinds.AuditRecord = { atMs: NOW_MS, what: 'reset', by: unproven('ada'), message: '' };
const drift: DriftRecord = { outcome: 'unmeasured', atMs: NOW_MS, code: 'no_rows', message: '' };
const goNoGo: rolloutKinds.GoNoGoRecord = {
  verdict: 'GO',
  decidedAtMs: NOW_MS,
  criteria: [],
  evidenceKey: 'evidence/1',
  evidenceSha256: '0'.repeat(64),
};

const records = (store: RiskStore) => ({
  ...rolloutRecords(store),
  apiTokens: new SingleRecord(store, API_TOKENS),
});
type Records = ReturnType<typeof records>;

const ADD = { ifAbsent: true } as const;
const DAYS_KEPT = 90;

interface Case {
  /** A record, written and read back by what the repository offers. */
  readonly value: unknown;
  readonly write: (of: Records) => Promise<'written' | 'conflict'>;
  readonly read: (of: Records) => Promise<unknown>;
  readonly key: string;
  readonly daysKept?: number;
}

const single = <T>(value: T, key: string, pick: (of: Records) => SingleRecord<T>): Case => ({
  value,
  key,
  write: (of) => pick(of).put('paper', value, ADD),
  read: async (of) => (await pick(of).get('paper'))?.value,
});

const manager: riskKinds.PositionManagerRecord = {
  completedAtMs: NOW_MS,
  attemptedAtMs: NOW_MS,
  differences: [],
  unprotectedSinceMs: null,
  unprotectedSince: {},
  walletDifferentSinceMs: null,
  fundingBookedUntilMs: null,
};
const incident = { atMs: NOW_MS, differences: ['wallet'], unprotectedMs: null };
const parity = { atMs: NOW_MS, symbols: [], values: 0, mismatches: 0, problems: [] };
const rejection = { clientOrderId: 'qt-1', atMs: NOW_MS };
const day = { startMicroUsdt: 5 };
const dayId = riskKinds.dayId(NOW_MS);

const CASES: { readonly [name in keyof Records]: Case } = {
  equity: {
    value: snapshot(NOW_MS),
    key: `equity#${NOW_MS}`,
    daysKept: DAYS_KEPT,
    write: ({ equity }) => equity.add('paper', snapshot(NOW_MS)),
    read: ({ equity }) => equity.latest('paper'),
  },
  days: {
    value: day,
    key: 'day#2024-08-05',
    write: ({ days }) => days.add('paper', dayId, day),
    read: async ({ days }) => (await days.get('paper', dayId))?.value,
  },
  trades: {
    value: trade,
    key: `trade#${NOW_MS}#BTCUSDT`,
    write: ({ trades }) => trades.add('paper', trade),
    read: ({ trades }) => trades.latest('paper'),
  },
  incidents: {
    value: incident,
    key: `incident#${NOW_MS}`,
    daysKept: DAYS_KEPT,
    write: ({ incidents }) => incidents.add('paper', incident),
    read: ({ incidents }) => incidents.latest('paper'),
  },
  rejections: {
    value: rejection,
    key: `rejection#${NOW_MS}#qt-1`,
    daysKept: DAYS_KEPT,
    write: ({ rejections }) => rejections.add('paper', rejection),
    read: ({ rejections }) => rejections.latest('paper'),
  },
  positionManager: single(manager, 'position-manager', (of) => of.positionManager),
  audit: {
    value: audit,
    key: 'audit#breaker#1',
    write: (of) => of.audit.add('paper', 'breaker#1', audit),
    read: async (of) => (await of.audit.get('paper', 'breaker#1'))?.value,
  },
  rollout: single(initialRollout(NOW_MS), 'rollout', (of) => of.rollout),
  orders: {
    value: order,
    key: 'order#qt-1',
    daysKept: DAYS_KEPT,
    write: ({ orders }) => orders.put('paper', order, ADD),
    read: async ({ orders }) => (await orders.get('paper', 'qt-1'))?.value,
  },
  positions: {
    value: position,
    key: 'position#BTCUSDT',
    write: ({ positions }) => positions.put('paper', position, ADD),
    read: async ({ positions }) => (await positions.get('paper', 'BTCUSDT'))?.value,
  },
  bookedLedger: single(newBookedLedger(1, NOW_MS), 'ledger', (of) => of.bookedLedger),
  executeReports: {
    value: report,
    key: `execute#${NOW_MS}#3`,
    daysKept: DAYS_KEPT,
    write: ({ executeReports }) => executeReports.add('paper', report),
    read: ({ executeReports }) => executeReports.latest('paper'),
  },
  transferDeclarations: {
    value: declaration,
    key: `transfer-declaration#${NOW_MS}`,
    write: ({ transferDeclarations }) => transferDeclarations.add('paper', declaration),
    read: ({ transferDeclarations }) => transferDeclarations.latest('paper'),
  },
  paperAccount: single(newPaperAccount(1), 'paper-account', (of) => of.paperAccount),
  paperOrders: {
    value: paperOrder,
    key: 'paper-order#qt-1',
    daysKept: DAYS_KEPT,
    write: ({ paperOrders }) => paperOrders.put('paper', paperOrder, ADD),
    read: async ({ paperOrders }) => (await paperOrders.get('paper', 'qt-1'))?.value,
  },
  goNoGo: single(goNoGo, 'go-no-go', (of) => of.goNoGo),
  parity: {
    value: parity,
    key: `parity#${NOW_MS}`,
    daysKept: DAYS_KEPT,
    write: (of) => of.parity.add('paper', parity),
    read: (of) => of.parity.latest('paper'),
  },
  drift: {
    value: drift,
    key: `drift#${NOW_MS}`,
    daysKept: DAYS_KEPT,
    write: (of) => of.drift.add('paper', drift),
    read: (of) => of.drift.latest('paper'),
  },
  apiTokens: single(
    { tokens: [{ name: 'ada', role: 'operator', sha256: 'a'.repeat(64) }] },
    'api-tokens',
    (of) => of.apiTokens,
  ),
};
const cases = Object.entries(CASES);

async function openDynamo() {
  const target = await openEmbedded();
  await ensureLocalResources(target.clients, NAMES);
  const client = target.clients.dynamodb;
  const store = createDynamoRiskStore({ client, table: NAMES.riskTable, clock: { nowMs: () => NOW_MS } });
  const expiryOf = async (sk: string): Promise<unknown> => {
    const command = new GetCommand({ TableName: NAMES.riskTable, Key: { scope: 'paper', sk } });
    return (await client.send(command)).Item?.[RISK_TABLE.timeToLiveAttribute];
  };
  return { store, expiryOf, close: target.close };
}
async function openMemory() {
  const store = createMemoryRiskStore();
  const keptMs = new Map<string, number | undefined>();
  const put: RiskStore['put'] = (scope, key, value, how) => {
    keptMs.set(key, how.keptMs);
    return store.put(scope, key, value, how);
  };
  const expiryOf = async (key: string): Promise<unknown> => {
    const ms = keptMs.get(key);
    return ms && (NOW_MS + ms) / SECOND_MS;
  };
  return { store: { ...store, put }, expiryOf, close: async () => undefined };
}

const isKind = (value: unknown): value is RecordKind<unknown> =>
  typeof value === 'object' && value !== null && 'name' in value && 'schema' in value;

it('no two kinds share a name, and all are tried below', () => {
  const kinds = [riskKinds, executionKinds, rolloutKinds, { API_TOKENS }].flatMap((module) =>
    Object.values(module).filter(isKind),
  );
  const names = kinds.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names).not.toContain('gate');
  expect(names.toSorted()).toEqual(cases.map(([, { key }]) => key.split('#')[0]).toSorted());
});

describe.each([
  ['memory', openMemory],
  ['DynamoDB', openDynamo],
])('records by their repository: %s', (_, open) => {
  let opened: Awaited<ReturnType<typeof openMemory | typeof openDynamo>>;
  let of: Records;
  beforeEach(async () => {
    opened = await open();
    of = records(opened.store);
  });
  afterEach(() => opened.close());

  it.each(cases)(
    '%s: are read as they were written, under their key, once, and for their time',
    async (_, { value, key, write, read, daysKept }) => {
      expect(await read(of)).toBeUndefined();
      expect(await write(of)).toBe('written');
      expect(await write(of)).toBe('conflict');
      expect(await read(of)).toEqual(value);
      expect((await opened.store.get('paper', key, z.unknown()))?.value).toEqual(value);
      const expiry = daysKept === undefined ? undefined : (NOW_MS + daysKept * DAY_MS) / SECOND_MS;
      expect(await opened.expiryOf(key)).toBe(expiry);
    },
  );

  it.each(cases)(
    '%s: are an error that names record and field when they are malformed',
    async (_, { key, read }) => {
      await opened.store.put('paper', key, { garbage: true }, ADD);
      const error = await read(of).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ name: 'StoreError', retryable: false });
      expect((error as Error).message).toContain(`paper/${key}`);
    },
  );

  it('a malformed record is named, the others are returned', async () => {
    for (const agoMs of [0, 1, 2]) await of.equity.add('paper', snapshot(NOW_MS - agoMs));
    const key = keyOf(riskKinds.EQUITY, String(NOW_MS - 1));
    const stored = await of.equity.since('paper', NOW_MS - 1);
    await opened.store.put(
      'paper',
      key,
      { ...snapshot(NOW_MS - 1), atMs: 'noon' },
      {
        ifRevision: stored.records[0]!.revision,
      },
    );
    const problem = {
      key,
      id: String(NOW_MS - 1),
      message: expect.stringContaining(`paper/${key}`),
      value: { ...snapshot(NOW_MS - 1), atMs: 'noon' },
      revision: stored.records[0]!.revision + 1,
    };
    for (const list of [await of.equity.all('paper'), await of.equity.since('paper', NOW_MS - 2)]) {
      expect(list.records.map(({ value }) => value.atMs)).toEqual([NOW_MS - 2, NOW_MS]);
      expect(list.problems).toEqual([problem]);
      expect(list.problems[0]!.message).toContain('atMs');
      expect(() => allValues(list)).toThrow(list.problems[0]!.message);
    }
    expect(await of.equity.newest('paper', 2)).toMatchObject({
      records: [{ value: { atMs: NOW_MS } }],
      problems: [problem],
    });
    expect((await of.equity.latest('paper'))?.atMs).toBe(NOW_MS);
  });

  it('a record that could not be read back is not written', async () => {
    const invalid = { ...order, state: { ...order.state, status: 'lost' as never } };
    const written = of.orders.put('paper', invalid, ADD);
    await expect(written).rejects.toThrow(InvariantError);
    await expect(written).rejects.toThrow(/^order record paper\/order#qt-1 .*: state: /);
    await expect(of.equity.add('paper', { ...snapshot(NOW_MS), equityMicroUsdt: 0.5 })).rejects.toThrow(
      /^equity record .*equityMicroUsdt/,
    );
    await expect(
      of.rollout.put('live', { ...initialRollout(NOW_MS), level: 'MOON' as never }, ADD),
    ).rejects.toThrow(/^rollout record live\/rollout .*level/);
    expect(await of.orders.get('paper', 'qt-1')).toBeUndefined();
    expect(await of.equity.all('paper')).toEqual({ records: [], problems: [] });
    expect(await of.rollout.getStored('live')).toBeUndefined();
  });

  it('are of their kind and scope only, from a time on, and go one by one', async () => {
    for (const agoMs of [2, 1, 0]) await of.equity.add('paper', snapshot(NOW_MS - agoMs));
    await of.equity.add('live', snapshot(NOW_MS + 1));
    await of.paperOrders.put('paper', paperOrder, ADD);
    expect(allValues(await of.orders.all('paper'))).toEqual([]);
    expect(allValues(await of.equity.since('paper', NOW_MS - 1)).map(({ atMs }) => atMs)).toEqual([
      NOW_MS - 1,
      NOW_MS,
    ]);
    expect(await of.equity.latest('paper', NOW_MS + 1)).toBeUndefined();
    const [oldest] = (await of.equity.all('paper')).records;
    expect(await of.equity.remove('paper', oldest!)).toBe('removed');
    expect(await of.equity.remove('paper', oldest!)).toBe('conflict');
    expect(allValues(await of.equity.all('paper'))).toHaveLength(2);
  });

  it('are told apart by how their ids start, malformed or not', async () => {
    await of.audit.add('paper', 'api#1', audit);
    expect(await of.audit.has('paper', 'breaker#')).toBe(false);
    await opened.store.put('paper', keyOf(riskKinds.AUDIT, 'breaker#1'), 'garbage', ADD);
    expect(await of.audit.has('paper', 'breaker#')).toBe(true);
    expect(allValues(await of.audit.all('paper', 'api#'))).toEqual([audit]);
    expect((await of.audit.all('paper')).problems).toHaveLength(1);
  });

  it('is written anew, or discarded, where it cannot be read', async () => {
    await opened.store.put('paper', keyOf(riskKinds.ROLLOUT), 'garbage', ADD);
    const found = (await of.rollout.find('paper'))!;
    expect(found.value).toBeUndefined();
    const anew = initialRollout(NOW_MS);
    expect(await of.rollout.put('paper', anew, { ifRevision: found.revision })).toBe('written');
    expect((await of.rollout.find('paper'))?.value).toEqual(anew);

    await opened.store.put('paper', keyOf(executionKinds.POSITIONS, 'BTCUSDT'), 'garbage', ADD);
    const [problem] = (await of.positions.all('paper')).problems;
    expect(await of.positions.discard('paper', { ...problem!, revision: 9 })).toBe('conflict');
    expect(await of.positions.discard('paper', problem!)).toBe('removed');
    expect(await of.positions.all('paper')).toEqual({ records: [], problems: [] });
  });

  it('come page by page, newest first, between two bounds', async () => {
    for (const agoMs of [4, 3, 2, 1, 0]) await of.equity.add('paper', snapshot(NOW_MS - agoMs));
    const page = { count: 2, fromMs: NOW_MS - 3 };
    const first = allRecords(await of.equity.newestBefore('paper', { ...page, beforeId: undefined }));
    expect(first.map(({ value }) => NOW_MS - value.atMs)).toEqual([0, 1]);
    const next = await of.equity.newestBefore('paper', { ...page, beforeId: first[1]!.id });
    expect(allValues(next).map(({ atMs }) => NOW_MS - atMs)).toEqual([2, 3]);
  });

  it('come page by page by the time they are listed under, where their ids say nothing of time', async () => {
    for (const [agoMs, id] of ['m#1', 'a#1', 'z#1'].entries())
      await of.audit.add('paper', id, { ...audit, atMs: NOW_MS - agoMs });
    const page = async (beforeId: string | undefined, fromMs = 0) =>
      allRecords(await of.audit.newestBefore('paper', { count: 2, fromMs, beforeId })).map(({ id }) => id);
    const listed = [`${NOW_MS}#m#1`, `${NOW_MS - 1}#a#1`, `${NOW_MS - 2}#z#1`];
    expect(await page(undefined)).toEqual(listed.slice(0, 2));
    expect(await page(listed[1])).toEqual(listed.slice(2));
    expect(await page(undefined, NOW_MS)).toEqual(listed.slice(0, 1));
    expect((await of.audit.newestBefore('paper', { count: 9, beforeId: undefined })).records).toHaveLength(3);
    expect(() => of.positions.newestBefore('paper', { count: 2, beforeId: undefined })).toThrow(
      new InvariantError('position records are not listed by time'),
    );
  });

  it('are looked at no further than asked', async () => {
    await of.audit.add('paper', 'api#1', audit);
    expect(await of.audit.has('paper', 'api#')).toBe(true);
    expect(await of.audit.has('live', 'api#')).toBe(false);
    for (const agoMs of [2, 1, 0]) await of.equity.add('paper', snapshot(NOW_MS - agoMs));
    const newest = (await of.equity.newest('paper', 2)).records;
    expect(newest.map(({ id }) => id)).toEqual([`${NOW_MS}`, `${NOW_MS - 1}`]);
    expect((await of.equity.latest('paper', NOW_MS))?.atMs).toBe(NOW_MS);
    expect(await of.equity.latest('live')).toBeUndefined();
  });

  it('are as they are stored for whoever judges them by their revision', async () => {
    expect(await of.rollout.find('paper')).toBeUndefined();
    await opened.store.put('paper', keyOf(riskKinds.ROLLOUT), 'garbage', ADD);
    expect(await of.rollout.getStored('paper')).toMatchObject({ value: 'garbage' });
    await of.positions.put('paper', position, ADD);
    const { revision } = (await of.positions.get('paper', position.symbol))!;
    expect(await of.positions.put('paper', position, { ifRevision: revision + 9 })).toBe('conflict');
    expect(await of.positions.remove('paper', { value: position, revision: revision + 9 })).toBe('conflict');
    expect(await of.positions.remove('paper', { value: position, revision })).toBe('removed');
    const unread = { key: '', id: position.symbol, message: '', value: 1, revision: undefined };
    expect(await of.positions.discard('paper', unread)).toBe('conflict');
  });
});
