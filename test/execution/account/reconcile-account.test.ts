// What follows where exchange and books differ: a second look, and only what then differs alike is a difference, which the exchange is
// right about.
import { describe, expect, it } from 'vitest';
import { systemActor } from '../../../lib/core/actor.ts';
import { failure, success } from '../../../lib/core/result.ts';
import type { BookedLedger } from '../../../lib/execution/ledger/booked-ledger.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { type AccountReading, readAccount } from '../../../lib/execution/use-cases/observe-account.ts';
import type { RunsBefore } from '../../../lib/execution/use-cases/positions/record-run.ts';
import { reconcileAccount } from '../../../lib/execution/use-cases/reconcile-account.ts';
import { allRecords } from '../../../lib/risk/use-cases/typed-records.ts';
import { type OpenTrade, openTrade } from '../../support/trading/open-trade.ts';

const error = { code: 'unavailable', message: '503', retryable: true } as const;
const MINUTE = 60_000;
const ETHER = 'ETHUSDT: the exchange holds 1, the ledger 0';

async function read({ context }: OpenTrade): Promise<AccountReading> {
  const answer = await readAccount(context, { thorough: false });
  if (!answer.ok) throw new Error(answer.error.message);
  return answer.value;
}

/** An entry that is booked, with all the wallet's income, and old enough for every list to have it. */
async function booked() {
  const trade = await openTrade();
  trade.world.nowMs += MINUTE;
  const reconciled = await reconcileAccount(trade.context, await read(trade), undefined);
  if (!reconciled.ok) throw new Error(reconciled.error.code);
  trade.world.nowMs += MINUTE;
  return trade;
}

/** Looks at the account now, of which a part was read otherwise at first. */
async function reconcile(trade: OpenTrade, over: Partial<AccountReading> = {}, before?: RunsBefore) {
  const reconciled = await reconcileAccount(trade.context, { ...(await read(trade)), ...over }, before);
  if (!reconciled.ok) throw new Error(reconciled.error.code);
  return reconciled.value;
}
const ledgerOf = async ({ risk }: OpenTrade) => (await executionRecords(risk).bookedLedger.get('paper'))!;
const audited = async ({ risk }: OpenTrade) => allRecords(await executionRecords(risk).audit.all('paper'));
const buyEther = ({ exchange }: OpenTrade, quantity = 1) =>
  exchange.tradeByHand({ symbol: 'ETHUSDT', side: 'BUY', quantity });

/** How often the account is asked what it holds. */
function looks({ exchange }: OpenTrade): () => number {
  const { positions } = exchange.broker;
  let count = 0;
  exchange.broker.positions = () => {
    count++;
    return positions();
  };
  return () => count;
}

describe('the second look', () => {
  const pausesOf = async (prepare: (trade: OpenTrade) => void, over: Partial<AccountReading> = {}) => {
    const trade = await booked();
    prepare(trade);
    const pauses: number[] = [];
    const pause = async (durationMs: number) => void pauses.push(durationMs);
    await reconcileAccount({ ...trade.context, pause }, { ...(await read(trade)), ...over }, undefined);
    return pauses;
  };

  it('comes five seconds after the first where positions differ, for lists and lookups lag', async () => {
    expect(await pausesOf((trade) => buyEther(trade))).toEqual([5_000]);
    expect(
      await pausesOf(({ exchange }) =>
        exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'SELL', quantity: 0.004 }),
      ),
    ).toEqual([5_000]);
  });

  it('is not waited for where the wallet alone differs, which has minutes, or nothing does', async () => {
    expect(await pausesOf(() => undefined, { walletMicroUsdt: 1 })).toEqual([]);
    expect(await pausesOf(() => undefined)).toEqual([]);
  });

  it('finds what has become clear meanwhile', async () => {
    const trade = await booked();
    const { exchange } = trade;
    const held = exchange.ledger;
    buyEther(trade);
    const pause = async () => {
      exchange.ledger = held;
    };
    const reconciled = await reconcileAccount({ ...trade.context, pause }, await read(trade), undefined);
    expect(reconciled.ok && reconciled.value).toMatchObject({ differences: [], adoptable: new Set() });
  });
});

describe('an account that is as the books say', () => {
  it('is looked at once', async () => {
    const trade = await booked();
    const reading = await read(trade);
    const count = looks(trade);
    const reconciled = await reconcileAccount(
      trade.context,
      { ...reading, anomalies: ['an order did what it should not'] },
      undefined,
    );
    expect(reconciled.ok && reconciled.value).toMatchObject({
      ...{ adoptable: new Set(), differences: ['an order did what it should not'] },
      walletDifferentSinceMs: null,
    });
    expect(reconciled.ok && reconciled.value.view.bookedLedger).toEqual(await ledgerOf(trade));
    expect(count()).toBe(0);
    expect(await audited(trade)).toEqual([]);
  });

  it('is not known to be so where its wallet was not compared', async () => {
    const trade = await booked();
    const count = looks(trade);
    const { walletDifferentSinceMs, differences } = await reconcile(trade, { walletMicroUsdt: undefined });
    expect(walletDifferentSinceMs).toBeUndefined();
    expect(differences).toEqual([]);
    expect(count()).toBe(1);
  });
});

describe('a position that nobody here knows of', () => {
  it('may be adopted once it was seen in both looks', async () => {
    const trade = await booked();
    buyEther(trade);
    expect((await reconcile(trade)).adoptable).toEqual(new Set(['ETHUSDT']));
  });

  it('may not where it was seen in one of them', async () => {
    const first = await booked();
    buyEther(first);
    const seen = await read(first);
    first.exchange.tradeByHand({ symbol: 'ETHUSDT', side: 'SELL', quantity: 1 });
    expect((await reconcile(first, { held: seen.held })).adoptable.size).toBe(0);
    const second = await booked();
    second.exchange.tradeByHand({ symbol: 'SOLUSDT', side: 'BUY', quantity: 1 });
    const before = await read(second);
    buyEther(second);
    expect((await reconcile(second, { held: before.held })).adoptable).toEqual(new Set(['SOLUSDT']));
  });

  it('is looked for a second time although the books say the same of it', async () => {
    const trade = await booked();
    buyEther(trade);
    await reconcile(trade);
    const count = looks(trade);
    const { adoptable, differences } = await reconcile(trade);
    expect(count()).toBe(2);
    expect(adoptable).toEqual(new Set(['ETHUSDT']));
    expect(differences).toEqual([]);
  });
});

describe('a difference of what is held', () => {
  it('in both looks is told, and the exchange is right', async () => {
    const trade = await booked();
    buyEther(trade);
    const { differences, view, walletDifferentSinceMs } = await reconcile(trade);
    expect(differences).toEqual([ETHER]);
    expect(walletDifferentSinceMs).toBeNull();
    expect(view.bookedLedger).toEqual(await ledgerOf(trade));
    expect(view.bookedLedger?.value.ledger.positions.ETHUSDT).toEqual({
      quantity: 1,
      costMicroUsdt: 2_500_000_000,
    });
    const atMs = trade.world.nowMs;
    expect(await audited(trade)).toMatchObject([
      {
        id: `position-manager#${atMs}#reconciled`,
        value: { atMs, what: 'reconciled', by: systemActor('manage-positions'), message: ETHER },
      },
    ]);
  });

  it('is one too where it is of a position that we know of', async () => {
    const trade = await booked();
    trade.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.006 });
    const { differences, adoptable } = await reconcile(trade);
    expect(differences).toEqual(['BTCUSDT: the exchange holds 0.02, the ledger 0.014']);
    expect(adoptable.size).toBe(0);
    expect((await ledgerOf(trade)).value.ledger.positions.BTCUSDT?.quantity).toBeCloseTo(0.02);
  });

  it('in one look is none', async () => {
    const trade = await booked();
    buyEther(trade);
    const seen = await read(trade);
    trade.exchange.tradeByHand({ symbol: 'ETHUSDT', side: 'SELL', quantity: 1 });
    expect((await reconcile(trade, { held: seen.held })).differences).toEqual([]);
    expect(await audited(trade)).toEqual([]);
  });

  it('that is another one in the second look is none yet, and no other one is believed then', async () => {
    const trade = await booked();
    trade.exchange.tradeByHand({ symbol: 'SOLUSDT', side: 'BUY', quantity: 5 });
    buyEther(trade);
    const seen = await read(trade);
    buyEther(trade);
    const { differences, view } = await reconcile(trade, { held: seen.held });
    expect(differences).toEqual(['SOLUSDT: the exchange holds 5, the ledger 0']);
    expect(Object.keys(view.bookedLedger!.value.ledger.positions)).toEqual(['BTCUSDT']);
    expect(await audited(trade)).toEqual([]);
  });

  it('is told, but not believed, while something could not be read in either look', async () => {
    const first = await booked();
    buyEther(first);
    expect((await reconcile(first, { faults: ['open orders: 503'] })).differences).toEqual([ETHER]);
    expect(await audited(first)).toEqual([]);
    const second = await booked();
    buyEther(second);
    const reading = await read(second);
    second.exchange.broker.openOrders = async () => failure(error);
    const reconciled = await reconcileAccount(second.context, reading, undefined);
    expect(reconciled.ok && reconciled.value.differences).toEqual([ETHER]);
    expect(Object.keys((await ledgerOf(second)).value.ledger.positions)).toEqual(['BTCUSDT']);
    expect(await audited(second)).toEqual([]);
  });

  it('is told, but not believed, while trades of an order are not all listed yet, in either look', async () => {
    const late = async (isLate: (look: number) => boolean) => {
      const trade = await openTrade();
      trade.world.nowMs += 5_000;
      buyEther(trade);
      const { fills } = trade.exchange.broker;
      let asked = 0;
      trade.exchange.broker.fills = async (order) => (isLate(++asked) ? success([]) : fills(order));
      const { differences } = await reconcile(trade);
      expect(differences).toEqual([ETHER]);
      return (await audited(trade)).length;
    };
    expect(await late(() => true)).toBe(0);
    expect(await late((look) => look === 1)).toBe(0);
    expect(await late(() => false)).toBe(1);
  });

  it('is told with what orders did that they should not, each once', async () => {
    const trade = await booked();
    buyEther(trade);
    const { stopClientOrderId } = (await trade.current()).value;
    const { openStops } = trade.exchange.broker;
    trade.exchange.broker.openStops = async () => {
      const answer = await openStops();
      return answer.ok ? success({ ...answer.value, rows: [] }) : answer;
    };
    trade.exchange.broker.find = async () => success(undefined);
    const vanished = `BTCUSDT: order ${stopClientOrderId}: vanished`;
    const reading = { ...(await read(trade)), anomalies: [vanished, 'before'] };
    await trade.changeOrder(stopClientOrderId, {
      state: { status: 'acknowledged', quantity: 0.014, filledQuantity: 0, averagePrice: null },
    });
    const reconciled = await reconcileAccount(trade.context, reading, undefined);
    expect(reconciled.ok && reconciled.value.differences).toEqual([ETHER, vanished, 'before']);
  });

  it('looks at every order that is on record', async () => {
    const trade = await booked();
    const { value } = await trade.orderOf(trade.entryId);
    await trade.orders.put('paper', { ...value, clientOrderId: 'qt-unnamed' }, { ifAbsent: true });
    buyEther(trade);
    expect((await reconcile(trade)).view.orders.has('qt-unnamed')).toBe(true);
  });

  it('is as it was where another run writes the books meanwhile', async () => {
    const trade = await booked();
    buyEther(trade);
    const { put } = trade.risk;
    trade.risk.put = async (...given) => {
      const [, key, value] = given;
      const isTakenOver = key === 'ledger' && 'ETHUSDT' in (value as BookedLedger).ledger.positions;
      return isTakenOver ? 'conflict' : put(...given);
    };
    const { differences, view } = await reconcile(trade);
    expect(differences).toEqual([ETHER]);
    expect(Object.keys(view.bookedLedger!.value.ledger.positions)).toEqual(['BTCUSDT']);
    expect(await audited(trade)).toEqual([]);
  });
});

describe('a difference of the wallet', () => {
  const EXTRA = 7_000_000;

  /** The wallet has more than the books say, in every look, or in the first one alone. */
  async function richer({ first = EXTRA, second = EXTRA } = {}) {
    const trade = await booked();
    const walletMicroUsdt = trade.exchange.walletMicroUsdt;
    trade.exchange.broker.walletMicroUsdt = async () => success(walletMicroUsdt + second);
    return { trade, over: { walletMicroUsdt: walletMicroUsdt + first }, walletMicroUsdt };
  }
  const runsOf = (walletDifferentSinceMs: number | null): RunsBefore => ({
    revision: 1,
    value: {
      ...{ completedAtMs: null, attemptedAtMs: null, differences: [], unprotectedSinceMs: null },
      ...{ unprotectedSince: {}, walletDifferentSinceMs, fundingBookedUntilMs: null },
    },
  });

  it('may be income that is not listed yet, and its age begins', async () => {
    const { trade, over } = await richer();
    for (const before of [undefined, runsOf(null), { revision: 1, value: undefined }]) {
      const { differences, walletDifferentSinceMs, view } = await reconcile(trade, over, before);
      expect(differences).toEqual([]);
      expect(walletDifferentSinceMs).toBe(trade.world.nowMs);
      expect(view.walletDifference).toMatch(/^wallet: /);
    }
    expect(await audited(trade)).toEqual([]);
  });

  it('that is too old for that is told, and the exchange is right', async () => {
    const { trade, over, walletMicroUsdt } = await richer();
    const sinceMs = trade.world.nowMs - 20 * MINUTE;
    const { differences, walletDifferentSinceMs, view } = await reconcile(trade, over, runsOf(sinceMs));
    expect(differences).toEqual([
      `wallet: the exchange holds ${walletMicroUsdt + EXTRA}, the ledger ${walletMicroUsdt} micro-USDT`,
    ]);
    expect(walletDifferentSinceMs).toBe(sinceMs);
    expect(view.walletDifference).toBeNull();
    const { ledger } = (await ledgerOf(trade)).value;
    expect(ledger.depositMicroUsdt).toBe(10_000_000_000 + EXTRA);
    expect(await audited(trade)).toHaveLength(1);
  });

  it('that is another one in the second look is none yet', async () => {
    const { trade, over } = await richer({ first: EXTRA + 1_000_000 });
    const sinceMs = trade.world.nowMs - 20 * MINUTE;
    const { differences, walletDifferentSinceMs } = await reconcile(trade, over, runsOf(sinceMs));
    expect(differences).toEqual([]);
    expect(walletDifferentSinceMs).toBe(sinceMs);
    expect(await audited(trade)).toEqual([]);
  });

  it('that is gone in the second look was none', async () => {
    const { trade, over } = await richer({ second: 0 });
    const sinceMs = trade.world.nowMs - 20 * MINUTE;
    const { differences, walletDifferentSinceMs } = await reconcile(trade, over, runsOf(sinceMs));
    expect(differences).toEqual([]);
    expect(walletDifferentSinceMs).toBeNull();
  });

  it('is left to be explained where only what is held is believed', async () => {
    const { trade, over } = await richer();
    buyEther(trade);
    const { differences, view } = await reconcile(trade, over);
    expect(differences).toEqual([ETHER]);
    expect(view.walletDifference).toMatch(/^wallet: /);
    const { ledger } = (await ledgerOf(trade)).value;
    expect(ledger.positions.ETHUSDT?.quantity).toBe(1);
    expect(ledger.depositMicroUsdt).toBe(10_000_000_000);
  });

  it('is believed together with what is held, and told behind it', async () => {
    const { trade, over } = await richer();
    buyEther(trade);
    const { differences, view } = await reconcile(trade, over, runsOf(trade.world.nowMs - 20 * MINUTE));
    expect(differences).toEqual([ETHER, expect.stringMatching(/^wallet: /)]);
    expect(view.walletDifference).toBeNull();
    const [record] = await audited(trade);
    expect(record?.value.message).toBe(differences.join('; '));
  });
});

describe('a look that fails', () => {
  it('is no account, whichever it is', async () => {
    const ledgerWritten = async (trade: OpenTrade) => {
      const { value, revision } = await ledgerOf(trade);
      const records = executionRecords(trade.risk).bookedLedger;
      await records.put('paper', { ...value, incomeMicroUsdt: { THEIRS: 1 } }, { ifRevision: revision });
    };
    const overtaken = failure({ code: 'overtaken', message: 'the ledger was changed by another run' });

    const first = await openTrade();
    const reading = await read(first);
    await ledgerWritten(first);
    expect(await reconcileAccount(first.context, reading, undefined)).toEqual(overtaken);

    const unread = await booked();
    buyEther(unread);
    const before = await read(unread);
    unread.exchange.broker.positions = async () => failure(error);
    expect(await reconcileAccount(unread.context, before, undefined)).toEqual(
      failure({ code: 'exchange_unavailable', message: '503' }),
    );

    const second = await booked();
    buyEther(second);
    const seen = await read(second);
    const { positions } = second.exchange.broker;
    second.exchange.broker.positions = async () => {
      // After the books were read for the second look, which then has something to write.
      await ledgerWritten(second);
      second.exchange.broker.incomeSince = async () =>
        success({
          rows: [
            {
              ...{ id: 'row', kind: 'funding', type: 'FUNDING_FEE', symbol: null, asset: 'USDT', amount: 3 },
              ...{ tradeId: null, atMs: second.world.nowMs },
            },
          ],
          problems: [],
        });
      return positions();
    };
    expect(await reconcileAccount(second.context, seen, undefined)).toEqual(overtaken);
  });
});
