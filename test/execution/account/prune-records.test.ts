// What a replay forgets of its records, so that its last week costs no more than its first.
import { describe, expect, it } from 'vitest';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { forgetOldRecords } from '../../../lib/execution/use-cases/prune-records.ts';
import { allValues } from '../../../lib/risk/use-cases/typed-records.ts';
import { openTrade } from '../../support/trading/open-trade.ts';
import { requestOf } from '../../support/trading/trading-world.ts';

describe('the records of a replay', () => {
  it('lose what is older than asked for, and keep trades, positions and what is newer', async () => {
    const trade = await openTrade();
    const { risk, world } = trade;
    const { equity, incidents, executeReports, rejections, orders } = executionRecords(risk);
    const old = world.nowMs;
    const add = async (atMs: number) => {
      await incidents.add('paper', { atMs, differences: [], unprotectedMs: 1 });
      await rejections.add('paper', { atMs, clientOrderId: 'qt' });
    };
    await add(old);
    world.nowMs += 60_000;
    const cutMs = world.nowMs;
    await world.managePositions();
    await add(cutMs);
    await world.execute(requestOf({ barOpenTimeMs: 1 }));
    const counts = async () => ({
      equity: allValues(await equity.all('paper')).length,
      incidents: allValues(await incidents.all('paper')).length,
      reports: allValues(await executeReports.all('paper')).map(({ atMs }) => atMs),
      rejections: allValues(await rejections.all('paper')).length,
      orders: allValues(await orders.all('paper')).length,
    });
    expect(await counts()).toEqual({
      equity: 2,
      incidents: 2,
      reports: [cutMs, old],
      rejections: 2,
      orders: 2,
    });
    await forgetOldRecords(risk, 'paper', old);
    expect(await counts()).toMatchObject({ equity: 2, incidents: 2, rejections: 2, orders: 2 });
    const newer = (await trade.current()).value.stopClientOrderId;
    await trade.changeOrder(newer, { updatedAtMs: cutMs });
    await forgetOldRecords(risk, 'paper', cutMs);
    expect(await counts()).toEqual({ equity: 1, incidents: 1, reports: [cutMs], rejections: 1, orders: 1 });
    expect((await trade.orderOf(newer)).value.updatedAtMs).toBe(cutMs);
    expect(await trade.current()).toBeDefined();
  });
});
