// The record of the position manager's runs: what it keeps of the run before, and what it tells the circuit breaker.
import { describe, expect, it } from 'vitest';
import { createMemoryRiskStore } from '../../../lib/adapters/memory/memory-risk-store.ts';
import type { PositionRecord } from '../../../lib/execution/records.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import {
  earliest,
  type Run,
  type RunsBefore,
  readRuns,
  recordRun,
  unprotectedSince,
} from '../../../lib/execution/use-cases/positions/record-run.ts';
import type { PositionManagerRecord } from '../../../lib/risk/records.ts';
import { allValues } from '../../../lib/risk/use-cases/typed-records.ts';
import { ScriptedExchange } from '../../support/trading/scripted-exchange.ts';

const NOW = 1_000_000;
const before: PositionManagerRecord = {
  ...{ completedAtMs: 10, attemptedAtMs: 20, differences: ['old'], unprotectedSinceMs: 30 },
  ...{ unprotectedSince: { BTCUSDT: 30, ETHUSDT: 40 }, walletDifferentSinceMs: 50, fundingBookedUntilMs: 60 },
};
/** All is well, and nothing is held. */
const well: Run = {
  ...{ isComplete: true, differences: [], unprotectedSince: {} },
  ...{ walletDifferentSinceMs: null, fundingBookedUntilMs: 70 },
};
/** Could see nothing at all. */
const blind: Run = {
  ...{ isComplete: false, differences: undefined, unprotectedSince: undefined },
  ...{ walletDifferentSinceMs: undefined, fundingBookedUntilMs: undefined },
};

/** After a run that left this record, or after none. */
async function afterRun(record?: PositionManagerRecord) {
  const risk = createMemoryRiskStore();
  const clock = { nowMs: () => NOW };
  const context = { risk, clock, broker: new ScriptedExchange(clock).broker };
  const { positionManager, incidents, positions } = executionRecords(risk);
  if (record !== undefined) await positionManager.put('paper', record, { ifAbsent: true });
  const known = await readRuns(context);
  const tell = (run: Partial<Run> = {}, of: RunsBefore = known) =>
    recordRun(context, of, { ...well, ...run });
  const stored = async () => (await positionManager.get('paper'))?.value;
  const told = async () => allValues(await incidents.since('paper', 0));
  const since = (...held: string[]) =>
    unprotectedSince(context, { held: new Map(held.map((symbol) => [symbol, true])), before: known });
  return { ...{ risk, context, positionManager, positions, known, tell, stored, told, since } };
}

describe('the record of a run', () => {
  it('of the first one tells what was found', async () => {
    const { known, tell, stored, told } = await afterRun();
    expect(known).toBeUndefined();
    expect(await tell({ unprotectedSince: { BTCUSDT: 7, ETHUSDT: 5 } })).toEqual([]);
    expect(await stored()).toEqual({
      ...{ completedAtMs: NOW, attemptedAtMs: NOW, differences: [], unprotectedSinceMs: 5 },
      ...{ unprotectedSince: { BTCUSDT: 7, ETHUSDT: 5 } },
      ...{ walletDifferentSinceMs: null, fundingBookedUntilMs: 70 },
    });
    expect(await told()).toEqual([]);
  });

  it('of a first one that saw nothing knows of nothing', async () => {
    const { tell, stored, told } = await afterRun();
    expect(await tell(blind)).toEqual([]);
    expect(await stored()).toEqual({
      ...{ completedAtMs: null, attemptedAtMs: NOW, differences: [], unprotectedSinceMs: null },
      ...{ unprotectedSince: {}, walletDifferentSinceMs: null, fundingBookedUntilMs: null },
    });
    expect(await told()).toEqual([]);
  });

  it('of one that saw nothing keeps all that was known, and says only that it was tried', async () => {
    const { tell, stored, told } = await afterRun(before);
    expect(await tell(blind)).toEqual(['old']);
    expect(await stored()).toEqual({ ...before, attemptedAtMs: NOW });
    expect(await told()).toEqual([]);
  });

  it('takes the place of the one before where all is known', async () => {
    const { tell, stored } = await afterRun(before);
    await tell({ unprotectedSince: { BTCUSDT: 30 } });
    expect(await stored()).toEqual({
      ...{ completedAtMs: NOW, attemptedAtMs: NOW, differences: ['settled: old'], unprotectedSinceMs: 30 },
      ...{ unprotectedSince: { BTCUSDT: 30 }, walletDifferentSinceMs: null, fundingBookedUntilMs: 70 },
    });
  });

  it('keeps since when the wallet differs only where it was not compared', async () => {
    const { tell, stored } = await afterRun(before);
    await tell({ walletDifferentSinceMs: 55 });
    expect((await stored())?.walletDifferentSinceMs).toBe(55);
    const again = await afterRun(before);
    await again.tell({ walletDifferentSinceMs: undefined });
    expect((await again.stored())?.walletDifferentSinceMs).toBe(50);
  });

  it('does not become a completed one by what was completed before', async () => {
    const { tell, stored } = await afterRun(before);
    await tell({ isComplete: false });
    expect((await stored())?.completedAtMs).toBe(10);
  });

  it('is not written over one that another run has written since', async () => {
    const { context, known, tell, stored } = await afterRun(before);
    await recordRun(context, known, { ...well, fundingBookedUntilMs: 99 });
    expect(await tell()).toBeUndefined();
    expect((await stored())?.fundingBookedUntilMs).toBe(99);
    const first = await afterRun();
    await first.tell({ fundingBookedUntilMs: 99 });
    expect(await first.tell()).toBeUndefined();
    expect((await first.stored())?.fundingBookedUntilMs).toBe(99);
  });

  it('that cannot be read is written anew', async () => {
    const { risk, context, tell, stored } = await afterRun();
    await risk.put('paper', 'position-manager', { completedAtMs: 'yesterday' }, { ifAbsent: true });
    const unreadable = await readRuns(context);
    expect(unreadable).toEqual({ revision: 1, value: undefined });
    const held = new Map([['BTCUSDT', true]]);
    expect(await unprotectedSince(context, { held, before: unreadable })).toEqual({ BTCUSDT: NOW });
    expect(await tell(blind, unreadable)).toEqual([]);
    expect(await stored()).toMatchObject({ completedAtMs: null, unprotectedSince: {} });
  });
});

describe('a difference', () => {
  it('is told in two runs: once as it is, once as settled, and then no more', async () => {
    const { context, tell, stored } = await afterRun();
    expect(await tell({ differences: ['a', 'b'] })).toEqual(['a', 'b']);
    const second = await recordRun(context, await readRuns(context), { ...well, differences: ['b', 'c'] });
    expect(second).toEqual(['b', 'c', 'settled: a']);
    expect((await stored())?.differences).toEqual(second);
    const third = await recordRun(context, await readRuns(context), well);
    expect(third).toEqual(['settled: b', 'settled: c']);
    expect(await recordRun(context, await readRuns(context), well)).toEqual([]);
  });

  it('is an incident when it is there, and not when it has settled', async () => {
    const { tell, told } = await afterRun({ ...before, unprotectedSince: {} });
    await tell({ differences: ['a'] });
    expect(await told()).toEqual([{ atMs: NOW, differences: ['a'], unprotectedMs: null }]);
    const settled = await afterRun({ ...before, unprotectedSince: {} });
    await settled.tell();
    expect(await settled.told()).toEqual([]);
  });
});

describe('a position without a stop', () => {
  it('is an incident once it is protected or gone, as long as the longest of them was', async () => {
    const { tell, told } = await afterRun(before);
    await tell({ unprotectedSince: {} });
    expect(await told()).toEqual([{ atMs: NOW, differences: [], unprotectedMs: NOW - 30 }]);
    const other = await afterRun(before);
    await other.tell({ unprotectedSince: { BTCUSDT: 30 } });
    expect(await other.told()).toEqual([{ atMs: NOW, differences: [], unprotectedMs: NOW - 40 }]);
  });

  it('is none as long as it is still without, or not seen', async () => {
    const { tell, told } = await afterRun(before);
    await tell({ unprotectedSince: before.unprotectedSince });
    expect(await told()).toEqual([]);
  });

  const position: PositionRecord = {
    ...{ symbol: 'BTCUSDT', side: 'BUY', quantity: 1, entryPrice: 1, entryClientOrderId: 'qt-entry' },
    ...{ stopPrice: 1, stopClientOrderId: null, stopSequence: null, unprotectedSinceMs: 25 },
    ...{ exitClientOrderId: null, exitSequence: null, exitDueMs: 1, openedAtMs: 1 },
  };

  it('has been without since its record says so, or since it was seen so before', async () => {
    const { positions, since } = await afterRun(before);
    await positions.put('paper', position, { ifAbsent: true });
    await positions.put(
      'paper',
      { ...position, symbol: 'ETHUSDT', unprotectedSinceMs: 45 },
      { ifAbsent: true },
    );
    await positions.put('paper', { ...position, symbol: 'SOLUSDT' }, { ifAbsent: true });
    expect(await since('BTCUSDT', 'ETHUSDT')).toEqual({ BTCUSDT: 25, ETHUSDT: 40 });
  });

  it('is not one that has its stop, whatever was seen before', async () => {
    const { positions, since } = await afterRun(before);
    await positions.put('paper', { ...position, unprotectedSinceMs: null }, { ifAbsent: true });
    expect(await since('BTCUSDT')).toEqual({});
  });

  it('and without a record of ours has been so since it was first seen', async () => {
    expect(await (await afterRun(before)).since('BTCUSDT', 'SOLUSDT')).toEqual({ BTCUSDT: 30, SOLUSDT: NOW });
    expect(await (await afterRun()).since('BTCUSDT')).toEqual({ BTCUSDT: NOW });
  });

  it('is none where nothing is held, and then no record is asked for', async () => {
    const { risk, since } = await afterRun(before);
    risk.list = () => Promise.reject(new Error('no answer'));
    expect(await since()).toEqual({});
    await expect(since('BTCUSDT')).rejects.toThrow('no answer');
  });

  it('counts from the earliest of them', () => {
    expect(earliest({})).toBeNull();
    expect(earliest({ a: 2, b: 1, c: 3 })).toBe(1);
  });
});
