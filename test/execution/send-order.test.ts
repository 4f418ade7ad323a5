// An order leaves once: by the process that wrote it down.
import { describe, expect, it } from 'vitest';
import { executionRecords } from '../../lib/execution/use-cases/execution-records.ts';
import { newOrderRecord, sendOrder } from '../../lib/execution/use-cases/send-order.ts';
import { approveReduction } from '../../lib/risk/gate.ts';
import { TradingWorld } from '../support/trading/trading-world.ts';

const exit = {
  kind: 'reduce',
  scope: 'paper',
  clientOrderId: 'qt-exit',
  symbol: 'BTCUSDT',
  side: 'SELL',
  quantity: 0.01,
  reduceOnly: true,
  stopPrice: null,
} as const;
const about = {
  leg: 'exit',
  barOpenTimeMs: null,
  ensembleId: null,
  exitDueMs: null,
  authorisedEpoch: null,
  note: 'horizon',
} as const;

describe('sendOrder', () => {
  it('sends what two processes send at once, and one sends again, once', async () => {
    const world = await TradingWorld.open();
    world.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.01 });
    const context = { risk: world.risk, broker: world.exchange.broker, clock: world.clock };
    const send = () =>
      sendOrder(context, approveReduction(exit), newOrderRecord(exit, { ...about, nowMs: world.nowMs }));
    const both = await Promise.all([send(), send()]);
    expect(both.map(({ outcome }) => outcome).sort()).toEqual(['acknowledged', 'already_submitted']);
    expect((await send()).outcome).toBe('already_submitted');
    expect(world.exchange.sent).toHaveLength(1);
    const record = await executionRecords(world.risk).orders.get('paper', 'qt-exit');
    expect(record?.value.state).toMatchObject({ status: 'filled', filledQuantity: 0.01 });
  });
});
