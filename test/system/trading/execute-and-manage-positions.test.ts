// From signal to protected position and out again: one order per decision, whatever is repeated, refused, lost or closed.

import { describe, expect, it } from 'vitest';
import { success } from '../../../lib/core/result.ts';
import { MINUTE_MS } from '../../../lib/core/units.ts';
import { differencesOf } from '../../../lib/execution/ledger/booked-ledger.ts';
import { markLedger } from '../../../lib/execution/ledger/ledger.ts';
import { ORDERS } from '../../../lib/execution/records.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { FLAG_NAMES } from '../../../lib/risk/flags.ts';
import { approveReduction } from '../../../lib/risk/gate.ts';
import { keyOf } from '../../../lib/risk/record-kind.ts';
import { EQUITY } from '../../../lib/risk/records.ts';
import { allRecords, allValues } from '../../../lib/risk/use-cases/typed-records.ts';
import {
  BAR,
  PRICES,
  requestOf,
  START_MS,
  signalOf,
  TradingWorld,
} from '../../support/trading/trading-world.ts';

const open = () =>
  TradingWorld.open(signalOf('BTCUSDT', 'BUY'), signalOf('ETHUSDT', 'SELL'), signalOf('SOLUSDT', 'HOLD'));
const { outcomes } = TradingWorld;

/** Every position is behind a stop of its size, and books, exchange and gate say the same. */
async function expectSafe(world: TradingWorld): Promise<void> {
  const { exchange } = world;
  for (const [symbol, quantity] of exchange.held) {
    const stops = exchange.openStops(symbol);
    expect(stops.map((stop) => stop.quantity)).toEqual([Math.abs(quantity)]);
  }
  await expectBalanced(world);
  const gate = await world.gate();
  const held = [...exchange.held.keys()].sort();
  expect(Object.keys(gate.reserved).sort()).toEqual(held);
  expect(gate.positionCount).toBe(held.length);
  const positions = allValues(await executionRecords(world.risk).positions.all('paper'));
  expect(positions.map(({ symbol }) => symbol)).toEqual(held);
}

async function expectBalanced(world: TradingWorld): Promise<void> {
  const { exchange } = world;
  const positions = Object.entries(exchange.ledger.positions).map(
    ([symbol, { quantity, costMicroUsdt }]) => ({
      symbol,
      quantity,
      entryPrice: costMicroUsdt / quantity / 1e6,
    }),
  );
  const { ledger } = await world.bookedLedger();
  expect(differencesOf(ledger, { walletMicroUsdt: exchange.walletMicroUsdt, positions })).toEqual([]);
  const records = executionRecords(world.risk);
  const positionManagerRecord = await records.positionManager.get('paper');
  expect(positionManagerRecord?.value.differences).toEqual([]);
  const marked = markLedger(ledger, exchange.prices);
  const equity = (await records.equity.latest('paper'))!;
  if (!marked.ok) throw new Error('a symbol has no price');
  expect(Math.abs(marked.value.equityMicroUsdt - equity.equityMicroUsdt)).toBeLessThan(10_000);
}

describe('a signal that acts', () => {
  it('becomes one order with its stop, and ends at its horizon', async () => {
    const world = await open();
    const report = await world.execute();
    expect(report).toMatchObject({ mode: 'PAPER', scope: 'paper', held: 1 });
    expect(outcomes(report, 'BTCUSDT')).toEqual(['entered']);
    expect(outcomes(report, 'ETHUSDT')).toEqual(['entered']);
    expect(world.exchange.held.get('BTCUSDT')).toBeGreaterThan(0);
    expect(world.exchange.held.get('ETHUSDT')).toBeLessThan(0);
    await world.minute();
    await expectSafe(world);
    expect(world.exchange.held.size).toBe(2);

    while (world.nowMs + MINUTE_MS < START_MS + 3 * 300_000) await world.minute();
    expect(world.exchange.held.size).toBe(2);
    await world.minutes(2);
    expect(world.exchange.held.size).toBe(0);
    await world.minute();
    await expectSafe(world);
    const trades = allValues(await executionRecords(world.risk).trades.all('paper'));
    expect(trades.map(({ symbol, reason }) => [symbol, reason])).toEqual([
      ['BTCUSDT', 'horizon'],
      ['ETHUSDT', 'horizon'],
    ]);
    // Four fees, no move: what the trades lost is what the account lost.
    const lost = trades.reduce((sum, { profitMicroUsdt }) => sum + profitMicroUsdt, 0);
    expect(world.exchange.walletMicroUsdt).toBe(10_000_000_000 + lost);
    expect(lost).toBeLessThan(0);
    expect(world.exchange.openStops('BTCUSDT')).toEqual([]);
  });

  it('is sized by its volatility and never over a tenth of the equity', async () => {
    const world = await TradingWorld.open(
      signalOf('BTCUSDT', 'BUY', { atr: 5 }),
      signalOf('ETHUSDT', 'BUY', { atr: 100 }),
    );
    await world.execute();
    const notional = (symbol: keyof typeof PRICES) => (world.exchange.held.get(symbol) ?? 0) * PRICES[symbol];
    expect(notional('BTCUSDT')).toBe(1_000);
    expect(notional('ETHUSDT')).toBeLessThan(100);
    expect(notional('ETHUSDT')).toBeGreaterThan(50);
  });

  it('is ordered once, however often the event is delivered', async () => {
    const world = await open();
    for (let delivery = 0; delivery < 5; delivery++) await world.execute();
    expect(world.exchange.entries('BTCUSDT')).toHaveLength(1);
    expect(world.exchange.entries('ETHUSDT')).toHaveLength(1);
    await world.minute();
    await expectSafe(world);
  });

  it('is ordered once by two runs at the same time', async () => {
    const world = await open();
    await Promise.all([world.execute(), world.execute(), world.managePositions()]);
    expect(world.exchange.entries('BTCUSDT')).toHaveLength(1);
    await world.minutes(2);
    await expectSafe(world);
  });

  it('is not repeated after its position was stopped out within the bar', async () => {
    const world = await open();
    await world.execute();
    world.exchange.move('BTCUSDT', 49_000);
    await world.minute();
    expect(world.exchange.held.has('BTCUSDT')).toBe(false);
    expect(outcomes(await world.execute(), 'BTCUSDT')).not.toContain('entered');
    expect(world.exchange.entries('BTCUSDT')).toHaveLength(1);
    const trades = allValues(await executionRecords(world.risk).trades.all('paper'));
    expect(trades.map(({ reason }) => reason)).toEqual(['stop']);
    await expectSafe(world);
  });
});

describe('an entry into a book', () => {
  it('is denied in a symbol whose brackets are not known, and in no other', async () => {
    const world = await open();
    world.exchange.withoutBrackets = ['ETHUSDT'];
    const report = await world.execute();
    expect(outcomes(report, 'BTCUSDT')).toEqual(['entered']);
    expect(outcomes(report, 'ETHUSDT')).toEqual(['brackets_unknown']);
  });

  it('waits for brackets; an exit neither waits nor fails for them', async () => {
    const world = await open();
    await world.execute();
    await world.minutes(4);
    world.nowMs = START_MS + 300_000 + 3_000;
    await world.renewLease();
    await world.managePositions();
    const bar = { barOpenTimeMs: BAR + 300_000 };
    await world.signals.put(signalOf('BTCUSDT', 'SELL', bar));
    await world.signals.put(signalOf('SOLUSDT', 'BUY', bar));
    world.exchange.bracketsAreUnreadable = true;
    const sentBefore = world.exchange.sent.length;
    const report = await world.execute(requestOf(bar));
    expect(outcomes(report, 'BTCUSDT')).toEqual(['exited']);
    expect(outcomes(report, 'SOLUSDT')).toEqual(['brackets_unknown']);
    expect(world.exchange.bracketsAsked.slice(1)).toEqual([
      { symbols: ['SOLUSDT'], sentBefore: sentBefore + 1 },
    ]);
  });

  it.each([null, Number.NaN])('is denied with a beta of %s', async (betaToBitcoin) => {
    const world = await TradingWorld.open(signalOf('BTCUSDT', 'BUY', { betaToBitcoin }));
    expect(outcomes(await world.execute(), 'BTCUSDT')).toEqual(['beta_unknown']);
    expect(world.exchange.sent).toEqual([]);
  });

  it('is counted by side and by beta until its position is closed', async () => {
    const world = await TradingWorld.open(
      signalOf('BTCUSDT', 'BUY', { betaToBitcoin: 1 }),
      signalOf('ETHUSDT', 'SELL', { betaToBitcoin: 1.5 }),
    );
    await world.execute();
    const { reserved, sideMicroUsdt, netBetaMicroUsdt } = await world.gate();
    const [btc, eth] = [reserved.BTCUSDT!.notionalMicroUsdt, reserved.ETHUSDT!.notionalMicroUsdt];
    expect(sideMicroUsdt).toEqual({ BUY: btc, SELL: eth });
    expect(netBetaMicroUsdt).toBe(btc - Math.ceil(1.5 * eth));
    await world.minutes(20);
    expect(await world.gate()).toMatchObject({
      reserved: {},
      sideMicroUsdt: { BUY: 0, SELL: 0 },
      netBetaMicroUsdt: 0,
    });
  });
});

describe('a signal against an open position', () => {
  it('closes it and does not turn it around in the same bar', async () => {
    const world = await open();
    await world.execute();
    await world.minutes(4);
    world.nowMs = START_MS + 300_000 + 3_000;
    await world.renewLease();
    await world.managePositions();
    const barOpenTimeMs = BAR + 300_000;
    await world.signals.put(signalOf('BTCUSDT', 'SELL', { barOpenTimeMs }));
    await world.signals.put(signalOf('ETHUSDT', 'SELL', { barOpenTimeMs }));
    const report = await world.execute(requestOf({ barOpenTimeMs }));
    expect(outcomes(report, 'BTCUSDT')).toEqual(['exited']);
    expect(outcomes(report, 'ETHUSDT')).toEqual(['position_open']);
    expect(world.exchange.held.has('BTCUSDT')).toBe(false);
    await world.execute(requestOf({ barOpenTimeMs }));
    expect(world.exchange.entries('BTCUSDT')).toHaveLength(1);
    await world.minute();
    await expectSafe(world);
    const trades = allValues(await executionRecords(world.risk).trades.all('paper'));
    expect(trades.map(({ reason }) => reason)).toEqual(['signal']);
  });

  /** A bar ends, guard and the market do what they do, and BTC turns. */
  const turnedAfter = async (bars: number, happens: (world: TradingWorld) => Promise<unknown>) => {
    const world = await TradingWorld.open(signalOf('BTCUSDT', 'BUY'));
    await world.execute();
    const endMs = START_MS + bars * 300_000;
    while (world.nowMs + MINUTE_MS < endMs) await world.minute();
    world.nowMs = endMs + 3_000;
    await world.renewLease();
    await happens(world);
    expect(world.exchange.held.has('BTCUSDT')).toBe(false);
    const sent = world.exchange.sent.length;
    const barOpenTimeMs = endMs - 300_000;
    await world.signals.put(signalOf('BTCUSDT', 'SELL', { barOpenTimeMs }));
    const report = await world.execute(requestOf({ barOpenTimeMs }));
    expect(outcomes(report, 'BTCUSDT')).toEqual(['exit_pending']);
    expect(world.exchange.sent).toHaveLength(sent);
    const closedMs = world.nowMs;
    await world.minute();
    await expectSafe(world);
    const trades = allValues(await executionRecords(world.risk).trades.all('paper'));
    return trades.map(({ reason, closedAtMs }) => ({ reason, afterMs: closedAtMs - closedMs }));
  };

  it('sends no second exit after the one of its horizon, and the trade ends when that filled', async () => {
    const trades = await turnedAfter(3, (world) => world.managePositions());
    expect(trades).toEqual([{ reason: 'horizon', afterMs: 0 }]);
  });

  it('sends no second exit when the position manager has booked the first and could not close the position', async () => {
    const trades = await turnedAfter(3, async (world) => {
      await world.managePositions();
      const { cancel } = world.exchange.broker;
      world.exchange.broker.cancel = async () => ({
        ok: false,
        error: { code: 'unavailable', message: 'down', retryable: true },
      });
      expect((await world.managePositions()).actions).toEqual([
        { symbol: 'BTCUSDT', done: ['not_cancelled: down'] },
      ]);
      world.exchange.broker.cancel = cancel;
    });
    expect(trades).toEqual([{ reason: 'horizon', afterMs: 0 }]);
  });

  it('sends no exit after the stop', async () => {
    const trades = await turnedAfter(1, async (world) => {
      await world.managePositions();
      world.exchange.move('BTCUSDT', 49_000);
      world.exchange.move('BTCUSDT', PRICES.BTCUSDT);
    });
    expect(trades).toEqual([{ reason: 'stop', afterMs: 0 }]);
  });
});

describe('an exchange that misbehaves', () => {
  it.each(['timeout', 'later', 'half'] as const)(
    'an entry answered by %s is found, kept and protected',
    async (answer) => {
      const world = await open();
      world.exchange.answer = ({ kind }) => (kind === 'entry' ? answer : 'fill');
      await world.execute();
      world.exchange.settle();
      await world.execute();
      await world.minute();
      expect(world.exchange.held.size).toBe(2);
      expect(world.exchange.entries()).toHaveLength(2);
      await expectSafe(world);
    },
  );

  it('an entry that fills piece by piece is booked once and its stop grows with it', async () => {
    const world = await open();
    world.exchange.answer = ({ kind }) => (kind === 'entry' ? 'slow' : 'fill');
    await world.execute();
    await world.minute();
    const half = world.exchange.held.get('BTCUSDT')!;
    expect(world.exchange.openStops('BTCUSDT').map(({ quantity }) => quantity)).toEqual([half]);
    world.exchange.move('BTCUSDT', 50_050);
    world.exchange.settle();
    await world.minutes(2);
    expect(world.exchange.held.get('BTCUSDT')).toBeGreaterThan(half);
    await expectSafe(world);
    expect((await world.bookedLedger()).ledger.depositMicroUsdt).toBe(10_000_000_000);
  });

  it('an entry held up on its way out is not sent', async () => {
    const world = await open();
    const { put } = world.risk;
    world.risk.put = async (scope, key, value, condition) => {
      if (key.startsWith(keyOf(ORDERS, ''))) world.nowMs += 11_000;
      return put(scope, key, value, condition);
    };
    expect(outcomes(await world.execute(), 'BTCUSDT')).toEqual(['entry_unsent']);
    expect(world.exchange.sent).toEqual([]);
    expect((await world.gate()).reserved).toEqual({});
  });

  it('positions that the exchange forgets for a moment keep their records', async () => {
    const world = await open();
    await world.execute();
    await world.minute();
    const { positions } = world.exchange.broker;
    const forgets = ['ETHUSDT', 'BTCUSDT'];
    world.exchange.broker.positions = async () => {
      const answer = await positions();
      const forgotten = forgets.shift();
      return answer.ok
        ? success({ ...answer.value, rows: answer.value.rows.filter(({ symbol }) => symbol !== forgotten) })
        : answer;
    };
    await world.minute();
    expect(Object.keys((await world.gate()).reserved)).toHaveLength(2);
    await world.minute();
    await expectSafe(world);
    expect(world.exchange.entries()).toHaveLength(2);
  });

  it('an order that nobody here knows is cancelled, and the stop stays', async () => {
    const world = await open();
    await world.execute();
    const quantity = world.exchange.held.get('BTCUSDT')!;
    const orphan = {
      kind: 'reduce',
      scope: 'paper',
      clientOrderId: 'somebody-else',
      symbol: 'BTCUSDT',
      side: 'SELL',
      quantity,
      reduceOnly: true,
      stopPrice: 1,
    } as const;
    await world.exchange.broker.submit(approveReduction(orphan));
    expect(world.exchange.openStops('BTCUSDT')).toHaveLength(2);
    await world.minute();
    await expectSafe(world);
  });

  it('an entry that is lost on its way is given up after a minute, and never sent again', async () => {
    const world = await open();
    world.exchange.answer = () => 'lost';
    expect(outcomes(await world.execute(), 'BTCUSDT')).toEqual(['entry_unknown']);
    await world.managePositions();
    expect(Object.keys((await world.gate()).reserved)).toHaveLength(2);
    world.exchange.answer = () => 'fill';
    await world.execute();
    await world.minutes(2);
    expect(world.exchange.entries()).toHaveLength(2);
    expect((await world.gate()).exposureMicroUsdt).toBe(0);
    await expectSafe(world);
  });

  it('an entry that is refused holds nothing', async () => {
    const world = await open();
    world.exchange.answer = () => 'reject';
    expect(outcomes(await world.execute(), 'BTCUSDT')).toEqual(['entry_rejected']);
    expect((await world.gate()).reserved).toEqual({});
    await world.minute();
    await expectSafe(world);
  });

  it('a position whose stop is refused is closed at once', async () => {
    const world = await open();
    world.exchange.answer = (order) =>
      order.kind === 'reduce' && order.stopPrice !== null ? 'reject' : 'fill';
    await world.execute();
    expect(world.exchange.held.size).toBe(0);
    await world.minutes(2);
    await expectSafe(world);
  });

  it.each(['timeout', 'lost'] as const)(
    'a stop answered by %s is confirmed, or placed anew, within a minute',
    async (answer) => {
      const world = await open();
      world.exchange.answer = (order) => (order.kind === 'reduce' ? answer : 'fill');
      await world.execute();
      world.exchange.answer = () => 'fill';
      await world.minute();
      expect(world.exchange.held.size).toBe(2);
      for (const symbol of world.exchange.held.keys())
        expect(world.exchange.openStops(symbol).length).toBeGreaterThan(0);
      await world.minutes(2);
      await expectSafe(world);
    },
  );

  it('a position that stays without a stop is named since when, and closed', async () => {
    const world = await open();
    world.exchange.answer = (order) =>
      order.kind === 'entry' ? 'fill' : order.stopPrice !== null ? 'lost' : 'fill';
    await world.execute();
    const enteredMs = world.nowMs;
    const report = await world.minute();
    expect(report.unprotectedSinceMs).toBe(enteredMs);
    expect(world.exchange.held.size).toBe(0);
    await world.minutes(3);
    await expectSafe(world);
  });

  it('a guard that gets no answer changes nothing, and does not count as a sign of life', async () => {
    const world = await open();
    await world.execute();
    await world.minute();
    const before = await executionRecords(world.risk).positionManager.get('paper');
    world.exchange.isDown = true;
    expect((await world.minute()).outcome).toBe('exchange_unavailable');
    const after = await executionRecords(world.risk).positionManager.get('paper');
    expect(after?.value).toEqual({ ...before!.value, attemptedAtMs: world.nowMs });
    world.exchange.isDown = false;
    expect((await world.minute()).outcome).toBe('completed');
    await expectSafe(world);
  });

  it('a position that nobody here opened is told as a difference in two runs, and closed', async () => {
    const world = await open();
    world.exchange.tradeByHand({ symbol: 'SOLUSDT', side: 'BUY', quantity: 3 });
    const report = await world.minute();
    expect(report.differences).toEqual(['SOLUSDT: the exchange holds 3, the ledger 0']);
    expect(world.exchange.held.size).toBe(0);
    expect((await world.minute()).differences).toEqual([
      'settled: SOLUSDT: the exchange holds 3, the ledger 0',
    ]);
    expect((await world.minute()).differences).toEqual([]);
    await expectSafe(world);
  });

  /** As the table does with orders that were last written months ago. */
  async function forgetOrders(world: TradingWorld): Promise<void> {
    const { orders } = executionRecords(world.risk);
    for (const order of allRecords(await orders.all('paper'))) await orders.remove('paper', order);
  }
  const positionsOf = async (world: TradingWorld) =>
    allRecords(await executionRecords(world.risk).positions.all('paper'));

  it.each(['fill', 'reject'] as const)(
    'a position that has outlived the records of its orders keeps its stop and is closed; first answer: %s',
    async (answer) => {
      const world = await open();
      await world.execute();
      await forgetOrders(world);
      const [stop] = world.exchange.openStops('BTCUSDT');
      world.exchange.answer = () => answer;
      await world.minute();
      if (answer === 'reject') {
        expect(world.exchange.openStops('BTCUSDT')).toEqual([stop]);
        world.exchange.answer = () => 'fill';
      }
      await world.minutes(3);
      expect(world.exchange.held.size).toBe(0);
      expect(world.exchange.openStops('BTCUSDT')).toEqual([]);
      expect(await positionsOf(world)).toEqual([]);
      // Rows of income have minutes to explain the wallet before it is taken over.
      await world.minutes(12);
      await expectSafe(world);
      const trades = allValues(await executionRecords(world.risk).trades.all('paper'));
      expect(trades.map(({ symbol, reason }) => [symbol, reason])).toEqual(
        expect.arrayContaining([
          ['BTCUSDT', 'adopted'],
          ['ETHUSDT', 'adopted'],
        ]),
      );
    },
  );

  it('what is held of a symbol of which only the gate knows is closed, and given back', async () => {
    const world = await open();
    await world.execute();
    await forgetOrders(world);
    for (const position of await positionsOf(world))
      await executionRecords(world.risk).positions.remove('paper', position);
    await world.minutes(4);
    expect(world.exchange.held.size).toBe(0);
    // Rows of income have minutes to explain the wallet before it is taken over.
    await world.minutes(12);
    await expectSafe(world);
  });

  it('a position that ended after the records of its orders had gone leaves nothing behind', async () => {
    const world = await open();
    await world.execute();
    await forgetOrders(world);
    world.exchange.move('BTCUSDT', PRICES.BTCUSDT * 0.5);
    world.exchange.move('ETHUSDT', PRICES.ETHUSDT * 2);
    expect(world.exchange.held.size).toBe(0);
    // Nothing explains the wallet any more: that is told and taken over when no income can be late.
    await world.minutes(14);
    expect(await positionsOf(world)).toEqual([]);
    await expectSafe(world);
  });

  it('a position that was closed by hand is told, taken over, and frees what the gate held', async () => {
    const world = await open();
    await world.execute();
    await world.minute();
    const quantity = world.exchange.held.get('BTCUSDT')!;
    world.exchange.move('BTCUSDT', 50_100);
    world.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'SELL', quantity });
    const { differences } = await world.minute();
    // The wallet is explained by the row of income: only the position differs.
    expect(differences).toEqual([expect.stringContaining('BTCUSDT')]);
    await world.minutes(2);
    await expectSafe(world);
    expect([...world.exchange.held.keys()]).toEqual(['ETHUSDT']);
  });
});

describe('a gate that is closed', () => {
  const nothingIsEntered = async (world: TradingWorld) => {
    const report = await world.execute();
    expect(world.exchange.sent).toEqual([]);
    return report;
  };

  it.each([
    ['deleted', undefined],
    ['"True "', 'True '],
    ['empty', ''],
  ] as const)('lets nothing through while any flag is %s', async (_, text) => {
    for (const name of FLAG_NAMES) {
      const world = await open();
      world.setFlag(name, text);
      const report = await nothingIsEntered(world);
      expect(report.mode).toBe('OFF');
      expect(report.reasons.length).toBeGreaterThan(0);
      expect(report.decisions).toEqual([]);
    }
  });

  it('lets nothing through when a flag flips between the decision and the authorisation', async () => {
    // The run's reading is still young when the entry is planned, and has aged: by then another one is made.
    for (const [passedMs, outcome] of [
      [0, 'entry_withdrawn'],
      [501, 'mode_off'],
    ] as const) {
      const world = await open();
      world.afterFlagsRead = () => {
        world.afterFlagsRead = () => undefined;
        world.nowMs += passedMs;
        world.setFlag('QT_ENABLE_AI_TRADING', 'false');
      };
      const report = await nothingIsEntered(world);
      expect(outcomes(report, 'BTCUSDT')).toEqual([outcome]);
      expect(outcomes(report, 'ETHUSDT')).toEqual(['mode_off']);
    }
  });

  it('lets nothing through when the latch trips between the reading of the gate and its write', async () => {
    const world = await open();
    world.tripAtNextWrite();
    const report = await nothingIsEntered(world);
    expect(outcomes(report, 'BTCUSDT')).toEqual(['latch_tripped']);
    expect(outcomes(report, 'ETHUSDT')).toEqual(['mode_off']);
  });

  it('lets nothing through on flags that are older than a second', async () => {
    const world = await open();
    world.afterFlagsRead = () => {
      world.nowMs += 1_500;
    };
    const report = await nothingIsEntered(world);
    expect(outcomes(report, 'BTCUSDT')).toEqual(['flags_stale']);
  });

  it('lets nothing through after the lease has run out', async () => {
    const world = await TradingWorld.open();
    world.nowMs = START_MS + 600_000 + 1_000;
    await world.managePositions();
    const barOpenTimeMs = BAR + 600_000;
    await world.signals.put(signalOf('BTCUSDT', 'BUY', { barOpenTimeMs }));
    const report = await world.execute(requestOf({ barOpenTimeMs }));
    expect(report.reasons.map(({ code }) => code)).toContain('lease_expired');
    expect(world.exchange.sent).toEqual([]);
  });

  it('still lets guard protect and close what is open', async () => {
    const world = await open();
    world.exchange.answer = (order) => (order.kind === 'entry' ? 'later' : 'fill');
    await world.execute();
    world.exchange.settle();
    await world.setLatch('TRIPPED');
    for (const name of FLAG_NAMES) world.setFlag(name, undefined);
    await world.minute();
    await expectSafe(world);
    expect(world.exchange.held.size).toBe(2);
    await world.minutes(16);
    expect(world.exchange.held.size).toBe(0);
    await expectSafe(world);
  });
});

describe('a signal that may not act', () => {
  const denied = async (world: TradingWorld, request = requestOf()) => {
    const report = await world.execute(request);
    expect(world.exchange.sent).toEqual([]);
    return outcomes(report, 'BTCUSDT');
  };

  it('is stale after 120 s', async () => {
    const world = await open();
    world.nowMs = START_MS + 120_001;
    await world.renewLease();
    await world.managePositions();
    expect(await denied(world)).toEqual(['signal_stale']);
  });

  it('is of another feature set or ensemble, by the event or by itself', async () => {
    expect(await denied(await open(), requestOf({ featureSetHash: 'f'.repeat(64) }))).toEqual([
      'feature_set_mismatch',
    ]);
    expect(await denied(await open(), requestOf({ ensembleId: 'e20200101_000000' }))).toEqual([
      'ensemble_mismatch',
    ]);
    expect(await denied(await open(), requestOf({ ensembleId: null }))).toEqual(['ensemble_mismatch']);
    const foreign = signalOf('BTCUSDT', 'BUY', { featureSetHash: 'f'.repeat(64) });
    expect(await denied(await TradingWorld.open(foreign))).toEqual(['feature_set_mismatch']);
    const old = signalOf('BTCUSDT', 'BUY', { ensembleId: 'e20200101_000000' });
    expect(await denied(await TradingWorld.open(old))).toEqual(['ensemble_mismatch']);
  });

  it('has no active ensemble', async () => {
    const world = await open();
    world.objects.failReadsOf('ensembles/');
    expect(await denied(world)).toEqual(['ensemble_unavailable']);
  });

  it('has no fresh mark of the equity', async () => {
    const world = await open();
    world.nowMs += 100_000;
    await world.renewLease();
    world.nowMs += 10_000;
    expect(world.nowMs).toBeLessThan(START_MS + 120_000);
    expect(await denied(await TradingWorld.open())).toEqual([]);
    const unmarked = await open();
    const { list } = unmarked.risk;
    unmarked.risk.list = async (query, schema) =>
      query.prefix === keyOf(EQUITY, '') ? { records: [], problems: [] } : list(query, schema);
    expect(await denied(unmarked)).toEqual(['equity_unknown']);
  });

  it('has moved too far since, or has no price', async () => {
    const moved = await open();
    moved.exchange.move('BTCUSDT', PRICES.BTCUSDT * 1.011);
    moved.exchange.answer = ({ symbol }) => (symbol === 'BTCUSDT' ? 'fill' : 'reject');
    expect(outcomes(await moved.execute(), 'BTCUSDT')).toEqual(['price_collar']);
    const unpriced = await TradingWorld.open(signalOf('BTCUSDT', 'BUY'));
    const { prices } = unpriced.exchange.broker;
    unpriced.exchange.broker.prices = (symbols) => prices(symbols.filter((symbol) => symbol !== 'BTCUSDT'));
    expect(await denied(unpriced)).toEqual(['price_unknown']);
  });

  it('meets the limits of the operator: no position, or no capital', async () => {
    const noPosition = await open();
    noPosition.setFlag('QT_MAX_POSITIONS', '0');
    expect(await denied(noPosition)).toEqual(['position_count']);
    const noCapital = await open();
    noCapital.setFlag('QT_MAX_CAPITAL_ALLOCATION', '0');
    expect(await denied(noCapital)).toEqual(['size_zero']);
  });

  it('is beyond the last position that is left', async () => {
    const world = await TradingWorld.open(
      signalOf('BTCUSDT', 'BUY', { expectedEdgeBps: 20 }),
      signalOf('ETHUSDT', 'BUY', { expectedEdgeBps: 40 }),
    );
    world.setFlag('QT_MAX_POSITIONS', '1');
    const report = await world.execute();
    expect(outcomes(report, 'ETHUSDT')).toEqual(['entered']);
    expect(outcomes(report, 'BTCUSDT')).toEqual(['position_count']);
  });
});
