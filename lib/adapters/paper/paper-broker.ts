// The simulated account as a broker: kept in the risk table, so that it survives restarts and several functions share it, and
// brought up to date with closed candles whenever somebody looks.
import pLimit from 'p-limit';
import type { Clock } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { StoreError } from '../../core/store-error.ts';
import { HOUR_MS, MICRO } from '../../core/units.ts';
import {
  cancelOrder,
  endedOrders,
  followCandles,
  newPaperAccount,
  PAPER_REJECTIONS,
  type PaperAccount,
  type PaperCosts,
  type PaperOrder,
  type PaperRejection,
  paperAccountSchema,
  placeOrder,
  unseenBars,
  walletOf,
  withoutOrders,
} from '../../execution/paper-account.ts';
import type {
  Broker,
  BrokerError,
  OrderReference,
  RejectionCode,
  Submission,
} from '../../execution/ports.ts';
import { executionRecords } from '../../execution/use-cases/execution-records.ts';
import { BAR_MS, lastClosedOpenTimeMs } from '../../market/candle.ts';
import type { MarketData } from '../../market/ports.ts';
import type { SymbolFilters } from '../../market/symbol-filters.ts';
import { RiskApproved } from '../../risk/gate.ts';
import type { RecordStore } from '../../risk/ports.ts';
import { toBrokerError } from '../binance/account/broker-error.ts';
import { fillsOf, incomeOf, listingOf, openOf, reportOf } from './paper-reports.ts';

export interface PaperBrokerOptions {
  /** Holds the account. */
  readonly records: RecordStore;
  readonly market: MarketData;
  /** The exchange's clock: a replayed one in a replay. */
  readonly clock: Clock;
  readonly costs: PaperCosts;
  /** Of an account that does not exist yet. */
  readonly depositMicroUsdt: number;
}

const CANDLES_MAX = 998;
/** Functions that write at the same moment; each retry is behind one more of them. */
const WRITE_ATTEMPTS = 8;
const FILTERS_AGE_MS_MAX = HOUR_MS;
const IF_ABSENT = { ifAbsent: true } as const;

const EXPIRED = 'expired';
const REJECTION_CODE: Readonly<Record<PaperRejection, RejectionCode>> = {
  unknown_symbol: 'not_trading',
  price_unknown: 'other',
  quantity_off_grid: 'filters',
  stop_off_grid: 'filters',
  min_notional: 'filters',
  nothing_to_reduce: 'nothing_to_reduce',
  would_trigger_at_once: 'would_trigger',
};

type Change<E> = (account: PaperAccount) => Result<PaperAccount, E> | Promise<Result<PaperAccount, E>>;

export function createPaperBroker(options: PaperBrokerOptions): Broker {
  const { market, clock } = options;
  const account = new KeptAccount(options);
  const filters = rememberFilters(options);
  const look = <T>(of: (account: PaperAccount) => T) =>
    reading(async () => {
      const current = await account.update(success);
      return current.ok ? success(of(current.value)) : current;
    });
  const change = (by: (account: PaperAccount, nowMs: number) => PaperAccount) =>
    reading(async () => {
      const changed = await account.update((current) => success(by(current, clock.nowMs())));
      return changed.ok ? success(undefined) : changed;
    });

  const seek = <T>(
    { clientOrderId, symbol, kind }: OrderReference,
    of: (order: PaperOrder | undefined) => T,
  ) =>
    reading(async () => {
      const current = await account.update(success);
      if (!current.ok) return current;
      const order = current.value.orders[clientOrderId] ?? (await account.endedOrder(clientOrderId));
      return success(of(order?.symbol === symbol && order.kind === kind ? order : undefined));
    });

  return {
    scope: 'paper',
    prepare: async () => success(undefined),
    submit: async (approved, { stillWanted } = {}) => {
      RiskApproved.verify(approved);
      const { order } = approved;
      const rejected = (code: RejectionCode, message: string): Submission => ({
        outcome: 'rejected',
        code,
        message,
      });
      try {
        const priced = await market.prices([order.symbol]);
        if (!priced.ok) return rejected('other', `no price: ${priced.error.message}`);
        const known = await filters();
        if (!known.ok) return rejected('other', `no filters: ${known.error.message}`);
        const placed = await account.update<PaperRejection | typeof EXPIRED>(
          async (current) => {
            if ((await account.endedOrder(order.clientOrderId)) !== undefined) return success(current);
            return placeOrder(current, order, {
              price: priced.value.get(order.symbol),
              filters: known.value.get(order.symbol),
              costs: options.costs,
              nowMs: clock.nowMs(),
            });
          },
          () => (stillWanted?.() === false ? EXPIRED : undefined),
        );
        if (placed.ok) {
          const taken =
            placed.value.orders[order.clientOrderId] ?? (await account.endedOrder(order.clientOrderId));
          return { outcome: 'acknowledged', report: taken === undefined ? undefined : reportOf(taken) };
        }
        const { error } = placed;
        if (error === EXPIRED)
          return rejected(EXPIRED, 'no longer wanted when it was about to leave: not sent');
        if (typeof error !== 'string') return rejected('other', error.message);
        return rejected(REJECTION_CODE[error], `${error}: ${PAPER_REJECTIONS[error]}`);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        // The write may have arrived all the same.
        return { outcome: 'unknown', message: error.message };
      }
    },
    find: (reference) => seek(reference, (order) => (order === undefined ? undefined : reportOf(order))),
    openOrders: () => look((current) => listingOf(openOf(current, 'market'))),
    openStops: () => look((current) => listingOf(openOf(current, 'stop'))),
    cancel: ({ clientOrderId }: OrderReference) =>
      change((current, nowMs) => cancelOrder(current, clientOrderId, nowMs)),
    cancelAll: (symbol) =>
      change((current, nowMs) =>
        Object.values(current.orders)
          .filter((order) => order.symbol === symbol)
          .reduce((rest, order) => cancelOrder(rest, order.clientOrderId, nowMs), current),
      ),
    positions: () =>
      reading(async () => {
        const current = await account.update(success);
        if (!current.ok) return current;
        const held = Object.entries(current.value.ledger.positions);
        if (held.length === 0) return success(listingOf([]));
        const prices = await market.prices(held.map(([symbol]) => symbol));
        if (!prices.ok) return failure(toBrokerError(prices.error));
        const rows = held.map(([symbol, { quantity, costMicroUsdt }]) => ({
          symbol,
          quantity,
          entryPrice: costMicroUsdt / quantity / MICRO,
          markPrice: prices.value.get(symbol) ?? current.value.followed[symbol]!.markPrice,
        }));
        return success(listingOf(rows));
      }),
    walletMicroUsdt: () => look(walletOf),
    prices: async (symbols) => {
      const prices = await market.prices(symbols);
      return prices.ok ? prices : failure(toBrokerError(prices.error));
    },
    filters,
    fills: (reference) => seek(reference, fillsOf),
    incomeSince: (sinceMs) =>
      look((current) => listingOf(incomeOf(current).filter(({ atMs }) => atMs >= sinceMs))),
  };
}

/** The account's record: every change is made on the newest one, caught up, and written only if nobody else wrote since. */
class KeptAccount {
  readonly #options: PaperBrokerOptions;
  readonly #records: ReturnType<typeof executionRecords>;
  readonly #oneAtATime = pLimit(1);
  /** What the record of this revision says: reading it again need not judge it again. */
  #judged: { readonly revision: number; readonly account: PaperAccount } | undefined;

  constructor(options: PaperBrokerOptions) {
    this.#options = options;
    this.#records = executionRecords(options.records);
  }

  /**
   * The account after the change. Throws StoreError.
   * @param objection asked immediately before the change is written; what it returns is the outcome, and nothing is written
   */
  update<E>(
    change: Change<E>,
    objection: () => E | undefined = () => undefined,
  ): Promise<Result<PaperAccount, E | BrokerError>> {
    return this.#oneAtATime(() => this.#update(change, objection));
  }

  async endedOrder(clientOrderId: string): Promise<PaperOrder | undefined> {
    return (await this.#records.paperOrders.get('paper', clientOrderId))?.value;
  }

  async #update<E>(
    change: Change<E>,
    objection: () => E | undefined,
  ): Promise<Result<PaperAccount, E | BrokerError>> {
    const { paperAccount, paperOrders } = this.#records;
    for (let attempt = 1; attempt <= WRITE_ATTEMPTS; attempt++) {
      const kept = await this.#read();
      const caughtUp = await this.#catchUp(kept.account);
      if (!caughtUp.ok) return caughtUp;
      const changed = await change(caughtUp.value);
      // What was caught up with is written even when the change is refused: the candles will not come again.
      const next = changed.ok ? changed.value : caughtUp.value;
      if (next === kept.account && kept.revision !== undefined) return changed;
      // Only what ended in the account as written: what is put away here has certainly happened. Each is a record of its own, so
      // that the account stays small, and its id stays known.
      const ended = endedOrders(kept.account);
      for (const order of ended) await paperOrders.put('paper', order, IF_ABSENT);
      const condition = kept.revision === undefined ? IF_ABSENT : { ifRevision: kept.revision };
      const objected = changed.ok && changed.value !== caughtUp.value ? objection() : undefined;
      if (objected !== undefined) return failure(objected);
      const written = await paperAccount.put('paper', withoutOrders(next, ended), condition);
      if (written === 'written') return changed;
    }
    throw new StoreError(`the paper account was written to by others ${WRITE_ATTEMPTS} times in a row`, {
      retryable: true,
    });
  }

  async #read(): Promise<{ account: PaperAccount; revision: number | undefined }> {
    const record = await this.#records.paperAccount.getStored('paper');
    if (record === undefined) {
      return { account: newPaperAccount(this.#options.depositMicroUsdt), revision: undefined };
    }
    if (this.#judged?.revision !== record.revision) {
      const parsed = paperAccountSchema.safeParse(record.value);
      if (!parsed.success)
        throw new StoreError(`the record of the paper account is malformed: ${parsed.error.message}`, {
          retryable: false,
        });
      this.#judged = { revision: record.revision, account: parsed.data };
    }
    return this.#judged;
  }

  async #catchUp(account: PaperAccount): Promise<Result<PaperAccount, BrokerError>> {
    const nowMs = this.#options.clock.nowMs();
    let current = account;
    for (const [symbol, nextOpenTimeMs] of unseenBars(account)) {
      const followed = await this.#follow(current, symbol, { nextOpenTimeMs, nowMs });
      if (!followed.ok) return followed;
      current = followed.value;
    }
    return success(current);
  }

  async #follow(
    account: PaperAccount,
    symbol: string,
    { nextOpenTimeMs, nowMs }: { nextOpenTimeMs: number; nowMs: number },
  ): Promise<Result<PaperAccount, BrokerError>> {
    const { market, costs } = this.#options;
    const lastOpenTimeMs = lastClosedOpenTimeMs(nowMs);
    let current = account;
    for (let from = nextOpenTimeMs; from <= lastOpenTimeMs; from += CANDLES_MAX * BAR_MS) {
      const to = Math.min(lastOpenTimeMs, from + (CANDLES_MAX - 1) * BAR_MS);
      const count = (to - from) / BAR_MS + 1;
      const candles = await market.closedCandles({ symbol, count, lastOpenTimeMs: to });
      if (!candles.ok) return failure(toBrokerError(candles.error));
      current = followCandles(current, symbol, { candles: candles.value, costs, nowMs });
    }
    return success(current);
  }
}

async function reading<T>(read: () => Promise<Result<T, BrokerError>>): Promise<Result<T, BrokerError>> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return failure({ code: 'unavailable', message: error.message, retryable: error.retryable });
  }
}

/** Filters change seldom, and are large: asked for once an hour, or when they are wanted fresh. */
function rememberFilters({ market, clock }: PaperBrokerOptions): Broker['filters'] {
  let known: { readonly atMs: number; readonly filters: ReadonlyMap<string, SymbolFilters> } | undefined;
  return async ({ fresh = false } = {}) => {
    const ageMs = clock.nowMs() - (known?.atMs ?? Number.NEGATIVE_INFINITY);
    if (!fresh && known !== undefined && ageMs >= 0 && ageMs < FILTERS_AGE_MS_MAX)
      return success(known.filters);
    const asked = await market.filters();
    if (!asked.ok) return failure(toBrokerError(asked.error));
    known = { atMs: clock.nowMs(), filters: asked.value };
    return asked;
  };
}
