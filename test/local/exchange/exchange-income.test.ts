// Income of the simulated exchange: the rows explain the wallet to the last digit, in pages, windows, types and assets as Binance
// has them.
import { afterEach, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS } from '../../../lib/core/units.ts';
import { INCOME_TYPES } from '../../../local/exchange/account/funds.ts';
import { DEPOSIT, ExchangeAccount, type Row } from '../../support/trading/exchange-account.ts';

let account: ExchangeAccount;
afterEach(() => account.close());
const open = async (options?: Parameters<typeof ExchangeAccount.open>[0]): Promise<void> => {
  account = await ExchangeAccount.open(options);
};

async function allIncome(parameters: Record<string, string | number> = {}): Promise<Row[]> {
  const rows: Row[] = [];
  for (let page = 1; ; page++) {
    const next = await account.rows('income', { limit: 50, page, ...parameters });
    rows.push(...next);
    if (next.length < 50) return rows;
  }
}

it('adds up to the wallet, whatever moved it', async () => {
  await open({
    unkind: { bnbFees: { share: 0.3, balanceBnb: 1, priceUsdt: 600 }, depth: { levels: 3, ticks: 2 } },
  });
  const { external } = account.exchange;
  const startTime = account.nowMs;
  for (let round = 0; round < 20; round++) {
    const symbol = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'][round % 3]!;
    const side = round % 5 < 2 ? 'SELL' : 'BUY';
    external.marketOrder({ symbol, side, quantity: round % 3 === 0 ? 0.014 : 1.7 });
    account.nowMs += HOUR_MS;
  }
  external.transfer({ amount: -120.5 });
  external.transfer({ asset: 'USDC', amount: 30 });
  for (const incomeType of INCOME_TYPES) external.income({ incomeType, amount: 0.37 });
  external.liquidate({ symbol: 'BTCUSDT' });
  external.deleverage({ symbol: 'ETHUSDT', share: 0.5 });
  external.settle({ symbol: 'SOLUSDT' });
  const rows = await allIncome({ startTime });
  for (const [asset, deposit] of Object.entries({ USDT: DEPOSIT, BNB: 1, USDC: 0 })) {
    const ofAsset = rows.filter((row) => row.asset === asset);
    const sum = ofAsset.reduce((total, { income }) => total + Number(income), deposit);
    expect(ofAsset.length, asset).toBeGreaterThan(0);
    expect(await account.wallet(asset), asset).toBeCloseTo(sum, 7);
  }
  expect(new Set(rows.map(({ incomeType }) => incomeType))).toEqual(new Set(INCOME_TYPES));
  expect(new Set(rows.map(({ tranId }) => tranId)).size).toBe(rows.length);
});

it('holds 100 rows unless more are asked for, 1000 at most, oldest first, in pages', async () => {
  await open();
  for (let row = 0; row < 1_100; row++) account.exchange.external.income({ amount: row + 1 });
  const incomes = async (parameters: Record<string, number>) =>
    (await account.rows('income', parameters)).map(({ income }) => Number(income));
  expect(await incomes({})).toEqual(Array.from({ length: 100 }, (_, row) => row + 1));
  expect(await incomes({ limit: 5_000 })).toHaveLength(1_000);
  expect(await incomes({ limit: 1_000, page: 2 })).toEqual(
    Array.from({ length: 100 }, (_, row) => row + 1_001),
  );
  expect((await account.get('income', { limit: 0 })).body.code).toBe(-1130);
});

it('is of the last seven days unless a time is given, and of three months at most', async () => {
  await open();
  const firstMs = account.nowMs;
  account.exchange.external.income({ amount: 1 });
  account.nowMs += 8 * DAY_MS;
  account.exchange.external.income({ amount: 2 });
  const incomes = async (parameters: Record<string, number>) =>
    (await account.rows('income', parameters)).map(({ income }) => Number(income));
  expect(await incomes({})).toEqual([2]);
  expect(await incomes({ startTime: firstMs })).toEqual([1, 2]);
  expect(await incomes({ startTime: firstMs, endTime: firstMs })).toEqual([1]);
  account.nowMs = firstMs + 91 * DAY_MS;
  expect(await incomes({ startTime: firstMs })).toEqual([2]);
});

it('is filtered by type and symbol, and names the trade it comes from', async () => {
  await open();
  await account.order();
  await account.order({ symbol: 'ETHUSDT', quantity: '1' });
  account.exchange.external.transfer({ amount: 5 });
  const [trade] = await account.rows('userTrades', { symbol: 'ETHUSDT', limit: 1 });
  expect(await account.rows('income', { incomeType: 'COMMISSION', symbol: 'ETHUSDT' })).toMatchObject([
    { income: '-1.00000000', asset: 'USDT', tradeId: String(trade!.id) },
  ]);
  expect(await account.rows('income', { incomeType: 'TRANSFER' })).toMatchObject([
    { income: '5.00000000', symbol: '', tradeId: '' },
  ]);
});
