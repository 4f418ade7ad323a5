// Whatever happens on the unkind exchange, in whatever order: once it is quiet, wallet, income, trades, orders and positions say the
// same, and the same history always gives the same answers.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { HOUR_MS } from '../../../lib/core/units.ts';
import { UNKIND } from '../../../local/exchange/unkindness.ts';
import { DEPOSIT, ExchangeAccount, type Row } from '../../support/trading/exchange-account.ts';

const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'] as const;
const UNITS = { BTCUSDT: 0.004, ETHUSDT: 0.05, SOLUSDT: 1 } as const;
const PRICES = { BTCUSDT: 50_000, ETHUSDT: 2_500, SOLUSDT: 140 } as const;
/** Longer than any lag. */
const QUIET_MS = 60_000;
const FEW_MS = [0, 700, 5_000, 120_000, HOUR_MS] as const;

const symbol = fc.constantFrom(...SYMBOLS);
const side = fc.constantFrom('BUY', 'SELL');
const units = fc.integer({ min: 1, max: 9 });
const step = fc.record({
  waitMs: fc.constantFrom(...FEW_MS),
  act: fc.oneof(
    fc.record({ kind: fc.constant('order' as const), symbol, side, units, reduceOnly: fc.boolean() }),
    fc.record({ kind: fc.constant('stop' as const), symbol, units, closePosition: fc.boolean() }),
    fc.record({ kind: fc.constant('limit' as const), symbol, side, units }),
    fc.record({
      kind: fc.constantFrom('liquidate' as const, 'deleverage' as const),
      symbol,
      restMs: fc.constantFrom(0, 2_000),
    }),
    fc.record({ kind: fc.constant('transfer' as const), amount: fc.integer({ min: -50, max: 50 }) }),
    fc.record({ kind: fc.constant('mark' as const), symbol, offsetBps: fc.integer({ min: -250, max: 250 }) }),
    fc.record({ kind: fc.constant('cancel' as const), symbol }),
  ),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Carries out one step; what cannot be done as things stand is refused, and that is all. */
async function take(account: ExchangeAccount, { act }: Step): Promise<unknown> {
  const { external } = account.exchange;
  const quantity = 'units' in act ? Number((UNITS[act.symbol] * act.units).toFixed(3)) : 0;
  if (act.kind === 'order') {
    const { reduceOnly } = act;
    return (await account.order({ symbol: act.symbol, side: act.side, quantity, reduceOnly })).body;
  }
  if (act.kind === 'stop') {
    const long = (await account.held(act.symbol)) >= 0;
    const triggerPrice = (PRICES[act.symbol] * (long ? 0.985 : 1.015)).toFixed(1);
    const what = act.closePosition ? { closePosition: 'true' } : { quantity };
    return (await account.stop({ symbol: act.symbol, side: long ? 'SELL' : 'BUY', triggerPrice, ...what }))
      .body;
  }
  try {
    switch (act.kind) {
      case 'limit': {
        const price = PRICES[act.symbol] * (act.side === 'BUY' ? 0.995 : 1.000_1);
        const order = { symbol: act.symbol, side: act.side, quantity, filledShare: 0.5 } as const;
        return external.limitOrder({ ...order, price: Number(price.toFixed(1)) });
      }
      case 'transfer':
        return external.transfer({ amount: act.amount });
      case 'mark':
        return external.changeMark({ symbol: act.symbol, offsetBps: act.offsetBps });
      case 'cancel':
        return external.cancelOrders({ symbol: act.symbol });
      default:
        return external[act.kind]({ symbol: act.symbol, restMs: act.restMs });
    }
  } catch (error) {
    return (error as Error).message;
  }
}

const total = (rows: readonly Row[], of: (row: Row) => number): number =>
  rows.reduce((sum, row) => sum + of(row), 0);

async function expectConserved(account: ExchangeAccount): Promise<void> {
  const income = await account.rows('income', { limit: 1_000 });
  for (const [asset, deposit] of Object.entries({ USDT: DEPOSIT, BNB: UNKIND.bnbFees!.balanceBnb })) {
    const rows = income.filter((row) => row.asset === asset);
    expect(await account.wallet(asset)).toBeCloseTo(deposit + total(rows, (row) => Number(row.income)), 7);
  }
  for (const of of SYMBOLS) {
    const trades = await account.rows('userTrades', { symbol: of, limit: 1_000 });
    const orders = await account.rows('allOrders', { symbol: of, limit: 1_000 });
    const traded = total(trades, ({ qty, side: way }) => (way === 'BUY' ? 1 : -1) * Number(qty));
    expect(await account.held(of)).toBeCloseTo(traded, 8);
    for (const { orderId, executedQty } of orders) {
      const filled = trades.filter((trade) => trade.orderId === orderId);
      expect(total(filled, ({ qty }) => Number(qty))).toBeCloseTo(Number(executedQty), 8);
    }
    for (const asset of ['USDT', 'BNB']) {
      const paid = trades.filter(({ commissionAsset }) => commissionAsset === asset);
      const rows = income.filter((row) => row.incomeType === 'COMMISSION' && row.symbol === of);
      const booked = rows.filter((row) => row.asset === asset);
      expect(total(paid, ({ commission }) => Number(commission))).toBeCloseTo(
        -total(booked, (row) => Number(row.income)),
        7,
      );
    }
  }
}

async function play(steps: readonly Step[]): Promise<string[]> {
  const account = await ExchangeAccount.open({
    unkind: UNKIND,
    dips: { 1: 0.98, 15: 0.97 },
    rateLimits: { weightPerMinute: 1e9 },
  });
  try {
    const answers: string[] = [];
    for (const one of steps) {
      account.nowMs += one.waitMs;
      answers.push(JSON.stringify((await take(account, one)) ?? null));
    }
    // What is still open could trade within the lag of what tells of it.
    for (const of of SYMBOLS) account.exchange.external.cancelOrders({ symbol: of });
    account.nowMs += QUIET_MS;
    await expectConserved(account);
    answers.push(JSON.stringify(await account.rows('income', { limit: 1_000 })));
    return answers;
  } finally {
    await account.close();
  }
}

it('is conserved, and the same each time', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      expect(await play(steps)).toEqual(await play(steps));
    }),
    { numRuns: 12, seed: 20_240_603 },
  );
});
