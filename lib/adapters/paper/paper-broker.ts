// The simulated account as a broker: kept in the risk table, so that it survives restarts and several functions share it, and
// brought up to date with closed candles whenever somebody looks.

import { failure, type Result, success } from '../../core/result.ts';
import { StoreError } from '../../core/store-error.ts';
import { HOUR_MS, MICRO } from '../../core/units.ts';
import { type PaperAccount, type PaperOrder, walletOf } from '../../execution/paper/paper-account.ts';
import { PAPER_BRACKETS } from '../../execution/paper/paper-brackets.ts';
import {
  cancelOrder,
  PAPER_REJECTIONS,
  type PaperRejection,
  placeOrder,
} from '../../execution/paper/paper-matching.ts';
import type {
  Broker,
  BrokerError,
  OrderReference,
  RejectionCode,
  Submission,
} from '../../execution/ports.ts';
import type { MarketData } from '../../market/ports.ts';
import type { SymbolFilters } from '../../market/symbol-filters.ts';
import { RiskApproved } from '../../risk/gate.ts';
import { toBrokerError } from '../binance/account/broker-error.ts';
import { KeptAccount, type PaperBrokerOptions } from './kept-account.ts';
import { fillsOf, incomeOf, listingOf, openOf, reportOf } from './paper-reports.ts';

const FILTERS_AGE_MS_MAX = HOUR_MS;

const UNSENT = 'unsent';
const REJECTION_CODE: Readonly<Record<PaperRejection, RejectionCode>> = {
  unknown_symbol: 'not_trading',
  price_unknown: 'other',
  quantity_off_grid: 'filters',
  stop_off_grid: 'filters',
  min_notional: 'filters',
  nothing_to_reduce: 'nothing_to_reduce',
  close_stop_exists: 'close_stop_exists',
  would_trigger_at_once: 'would_trigger',
};

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
    submit: (approved, { stillWanted } = {}) =>
      submit({ options, account, filters }, { approved, stillWanted }),
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
    positions: () => reading(() => readPositions(account, market)),
    walletMicroUsdt: () => look(walletOf),
    prices: async (symbols) => {
      const prices = await market.prices(symbols);
      return prices.ok ? prices : failure(toBrokerError(prices.error));
    },
    filters,
    leverageBrackets: async (symbols) => success(new Map(symbols.map((symbol) => [symbol, PAPER_BRACKETS]))),
    fills: (reference) => seek(reference, fillsOf),
    incomeSince: (sinceMs) =>
      look((current) => listingOf(incomeOf(current).filter(({ atMs }) => atMs >= sinceMs))),
    // Nothing of the kind is simulated.
    forcedClosing: async () => success(undefined),
  };
}

const rejected = (code: RejectionCode, message: string): Submission => ({
  outcome: 'rejected',
  code,
  message,
});

/** Places the order on the newest account, unless it is there already. */
async function submit(
  paper: {
    readonly options: PaperBrokerOptions;
    readonly account: KeptAccount;
    readonly filters: Broker['filters'];
  },
  {
    approved,
    stillWanted,
  }: { approved: Parameters<Broker['submit']>[0]; stillWanted: (() => boolean) | undefined },
): Promise<Submission> {
  RiskApproved.verify(approved);
  const { order } = approved;
  const { market, costs, clock } = paper.options;
  try {
    const priced = await market.prices([order.symbol]);
    if (!priced.ok) return rejected(UNSENT, `no price: ${priced.error.message}`);
    const known = await paper.filters();
    if (!known.ok) return rejected(UNSENT, `no filters: ${known.error.message}`);
    const placed = await paper.account.update<PaperRejection | typeof UNSENT>(
      async (current) => {
        if ((await paper.account.endedOrder(order.clientOrderId)) !== undefined) return success(current);
        const price = priced.value.get(order.symbol);
        const filters = known.value.get(order.symbol);
        return placeOrder(current, order, { price, filters, costs, nowMs: clock.nowMs() });
      },
      () => (stillWanted?.() === false ? UNSENT : undefined),
    );
    if (!placed.ok) return refusalOf(placed.error);
    const taken =
      placed.value.orders[order.clientOrderId] ?? (await paper.account.endedOrder(order.clientOrderId));
    return { outcome: 'acknowledged', report: taken === undefined ? undefined : reportOf(taken) };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    // The write may have arrived all the same.
    return { outcome: 'unknown', message: error.message };
  }
}

function refusalOf(error: PaperRejection | typeof UNSENT | BrokerError): Submission {
  if (error === UNSENT) return rejected(UNSENT, 'no longer wanted when it was about to leave: not sent');
  if (typeof error !== 'string') return rejected(UNSENT, error.message);
  return rejected(REJECTION_CODE[error], `${error}: ${PAPER_REJECTIONS[error]}`);
}

/** What is held, marked at the market's last prices. */
async function readPositions(account: KeptAccount, market: MarketData): ReturnType<Broker['positions']> {
  const current = await account.update<never>(success);
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
