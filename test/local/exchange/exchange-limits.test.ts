// What the simulated exchange lets through: one budget an address whatever clients are behind it, one count of orders an account,
// and, when it is overloaded, only what reduces.
import { request } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import { ExchangeAccount } from '../../support/trading/exchange-account.ts';

let account: ExchangeAccount;
afterEach(() => account.close());
const open = async (options?: Parameters<typeof ExchangeAccount.open>[0]): Promise<void> => {
  account = await ExchangeAccount.open(options);
};

/** Status of a public request that leaves from another address of this machine. */
const pingFrom = (localAddress: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const sent = request(`${account.exchange.url}/fapi/v1/ping`, { localAddress }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    });
    sent.on('error', reject);
    sent.end();
  });

it('one client’s requests use up what all of its address have, and no other address', async () => {
  await open({ rateLimits: { weightPerMinute: 100, refusalsBeforeBan: 2 } });
  const statuses: number[] = [];
  for (let ask = 0; ask < 6; ask++) statuses.push((await account.get('openOrders')).status);
  expect(statuses).toEqual([200, 200, 429, 429, 418, 418]);
  // A client without keys, from the same address.
  expect((await fetch(`${account.exchange.url}/fapi/v1/ping`)).status).toBe(418);
  expect((await fetch(`${account.exchange.url}/api/v3/ping`)).status).toBe(200);
  expect(await pingFrom('127.0.0.2')).toBe(200);
  account.nowMs += 121_000;
  expect((await account.get('openOrders')).status).toBe(200);
});

it('an address can be banned by hand, for every client behind it', async () => {
  await open();
  account.exchange.external.ban({ seconds: 90 });
  const banned = await account.get('openOrders');
  expect([banned.status, banned.body.code, banned.headers.get('retry-after')]).toEqual([418, -1003, '90']);
  expect((await fetch(`${account.exchange.url}/fapi/v1/time`)).status).toBe(418);
  expect(await pingFrom('127.0.0.2')).toBe(200);
  account.nowMs += 90_000;
  expect((await account.get('openOrders')).status).toBe(200);
});

it('counts orders, says so, and refuses with -1015 over the limit', async () => {
  await open({ orderLimits: { perTenSeconds: 3 } });
  const orders = [await account.order(), await account.stop(), await account.order()];
  expect(orders.map(({ headers }) => headers.get('x-mbx-order-count-10s'))).toEqual(['1', '2', '3']);
  expect(orders[2]!.headers.get('x-mbx-order-count-1m')).toBe('3');
  const refused = await account.order();
  expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([429, -1015, '10']);
  expect((await account.get('openOrders')).status).toBe(200);
  expect(await account.held()).toBe(0.02);
  account.nowMs += 10_000;
  expect((await account.order()).status).toBe(200);
});

it('overloaded: entries are refused with -1008, reductions and cancellations pass', async () => {
  await open();
  await account.order();
  const { algoId } = (await account.stop()).body;
  account.exchange.faults.inject({ kind: 'overloaded' });
  const entry = await account.order();
  expect([entry.status, entry.body.code]).toEqual([503, -1008]);
  expect((await account.stop()).status).toBe(200);
  expect((await account.stop({ closePosition: 'true' })).status).toBe(200);
  expect((await account.delete('algoOrder', { algoId })).status).toBe(200);
  expect((await account.order({ side: 'SELL', reduceOnly: 'true' })).status).toBe(200);
  expect(await account.held()).toBe(0);
});

it('overloaded beyond its promise: reductions and cancellations are refused too, and questions are answered', async () => {
  await open();
  await account.order();
  const { algoId } = (await account.stop()).body;
  account.exchange.faults.inject({ kind: 'overloaded', sparesReductions: false });
  for (const refused of [
    await account.stop(),
    await account.stop({ closePosition: 'true' }),
    await account.delete('algoOrder', { algoId }),
    await account.order({ side: 'SELL', reduceOnly: 'true' }),
  ])
    expect([refused.status, refused.body.code]).toEqual([503, -1008]);
  expect((await account.get('openAlgoOrders')).body).toHaveLength(1);
  expect(await account.held()).toBe(0.01);
});
