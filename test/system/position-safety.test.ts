// Positions stay protected and are closed by what the account holds, whatever the records, the ledger or single answers say.
import { describe, expect, it } from 'vitest';
import { tradeRecordSchema } from '../../lib/risk/records.ts';
import { signalOf, TradingWorld } from '../support/trading/trading-world.ts';

const open = () => TradingWorld.open(signalOf('BTCUSDT', 'BUY'), signalOf('ETHUSDT', 'SELL'));

describe('a position that somebody has turned around', () => {
  it('is reduced on the side that the account holds, and the trade before it is told', async () => {
    const world = await open();
    await world.execute();
    await world.minute();
    const quantity = world.exchange.held.get('BTCUSDT')!;
    world.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'SELL', quantity: quantity * 2 });
    const before = world.exchange.sent.length;
    await world.minute();
    const sent = world.exchange.sent.slice(before).filter(({ symbol }) => symbol === 'BTCUSDT');
    expect(sent).not.toEqual([]);
    expect(sent.every(({ side }) => side === 'BUY')).toBe(true);
    await world.minutes(3);
    expect(world.exchange.held.has('BTCUSDT')).toBe(false);
    expect(world.exchange.openStops('BTCUSDT')).toEqual([]);
    const trades = await world.risk.list({ scope: 'paper', prefix: 'trade#' }, tradeRecordSchema);
    expect(trades.map(({ value: { side, reason } }) => [side, reason])).toEqual([
      ['BUY', 'unknown'],
      ['SELL', 'adopted'],
    ]);
  });
});
