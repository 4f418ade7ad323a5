// A real Binance USDT-M futures account as a broker. Orders go out once, under our own ids; what became of one that got no answer
// is looked up by its id and never guessed. No key, secret or signed request leaves this adapter, in errors neither.

import { failure, type Result, success } from '../../core/result.ts';
import type { EntryOrder, ReduceOrder } from '../../execution/order.ts';
import type { Broker, BrokerError, OrderReference, OrderReport, Submission } from '../../execution/ports.ts';
import { plainDecimal } from '../../market/plain-decimal.ts';
import type { MarketData, MarketDataError } from '../../market/ports.ts';
import { RiskApproved } from '../../risk/gate.ts';
import { BinanceAccount, type BinanceAccountOptions, type SignedRequest } from './binance-account.ts';
import {
  type BinanceAlgoOrder,
  type BinanceOrder,
  readAlgoOrder,
  readAlgoOrders,
  readDone,
  readFeeBurn,
  readFill,
  readFunding,
  readHedgeMode,
  readMultiAssets,
  readOrder,
  readOrders,
  readOwn,
  readPositions,
  readSymbolConfig,
  readWallet,
  reportOfAlgoOrder,
  reportOfOrder,
} from './binance-answers.ts';
import { toBrokerError } from './broker-error.ts';
import type { ExchangeFault } from './exchange-fault.ts';

export interface LiveBrokerOptions extends BinanceAccountOptions {
  /** Prices and filters of the same exchange. */
  readonly market: MarketData;
  /** Whole number. @default 1 */
  readonly leverage?: number;
  /** @default ISOLATED: what one position loses cannot take another's margin */
  readonly marginMode?: 'ISOLATED' | 'CROSSED';
}

/** From Binance's API documentation, "Error Codes". */
const ORDER_NOT_FOUND: ReadonlySet<number> = new Set([-2013, -20124]);
const ALREADY_GONE: ReadonlySet<number> = new Set([-2011, ...ORDER_NOT_FOUND]);
const DUPLICATE_ID: ReadonlySet<number> = new Set([-4116, -4111, -20132]);
const NO_NEED_TO_CHANGE_MARGIN_TYPE = -4046;
const INCOME_ROWS_MAX = 1_000;
const INCOME_PAGES_MAX = 10;

type Answer<T> = Result<T, BrokerError>;

export function createLiveBroker(options: LiveBrokerOptions): Broker {
  const { market } = options;
  const account = new LiveAccount(options);
  const fromMarket = <T>(answer: Result<T, MarketDataError>): Answer<T> =>
    answer.ok ? answer : failure(toBrokerError(answer.error));
  return {
    scope: 'live',
    prepare: (symbol) => account.prepare(symbol),
    submit: (approved) => {
      RiskApproved.verify(approved);
      return account.submit(approved.order);
    },
    find: (order) => account.find(order),
    openOrders: () => account.openOrders(),
    cancel: (order) => account.cancel(order),
    cancelAll: (symbol) => account.cancelAll(symbol),
    positions: () =>
      account.ask({ method: 'GET', path: 'positionRisk', version: 3, weight: 5 }, readPositions),
    walletMicroUsdt: () => account.ask({ method: 'GET', path: 'balance', version: 3, weight: 5 }, readWallet),
    prices: async (symbols) => fromMarket(await market.prices(symbols)),
    filters: async () => fromMarket(await market.filters()),
    fundingSince: (sinceMs) => account.fundingSince(sinceMs),
  };
}

class LiveAccount {
  readonly #account: BinanceAccount;
  readonly #leverage: number;
  readonly #marginMode: 'ISOLATED' | 'CROSSED';
  #modesVerified = false;

  constructor({ leverage = 1, marginMode = 'ISOLATED', ...options }: LiveBrokerOptions) {
    this.#account = new BinanceAccount(options);
    this.#leverage = leverage;
    this.#marginMode = marginMode;
  }

  async ask<T>(request: SignedRequest, read: (body: unknown) => T): Promise<Answer<T>> {
    return toAnswer(await this.#account.ask(request, read));
  }

  async prepare(symbol: string): Promise<Answer<void>> {
    const modes = await this.#verifyModes();
    if (!modes.ok) return modes;
    const set = await this.#symbolIsSet(symbol);
    if (!set.ok || set.value) return set.ok ? success(undefined) : set;
    const changed = await this.#setSymbol(symbol);
    if (!changed.ok) return changed;
    // What the exchange says it did is not taken for done.
    const verified = await this.#symbolIsSet(symbol);
    if (!verified.ok) return verified;
    const wanted = `${this.#marginMode} margin with leverage ${this.#leverage}`;
    return verified.value ? success(undefined) : refuse(`${symbol} could not be set to ${wanted}`);
  }

  /** Modes that the operator chooses for the whole account; the books would not balance in others. */
  async #verifyModes(): Promise<Answer<void>> {
    if (this.#modesVerified) return success(undefined);
    const questions = [
      ['positionSide/dual', readHedgeMode, 'the account is in hedge mode: switch it to one-way mode'],
      [
        'multiAssetsMargin',
        readMultiAssets,
        'the account is in multi-assets mode: switch it to single-asset',
      ],
      ['feeBurn', readFeeBurn, 'the account pays fees in BNB: switch that off, so that the books balance'],
    ] as const;
    for (const [path, read, complaint] of questions) {
      const wrong = await this.ask({ method: 'GET', path, weight: 30 }, read);
      if (!wrong.ok) return wrong;
      if (wrong.value) return refuse(complaint);
    }
    this.#modesVerified = true;
    return success(undefined);
  }

  async #symbolIsSet(symbol: string): Promise<Answer<boolean>> {
    const config = await this.ask(
      { method: 'GET', path: 'symbolConfig', parameters: { symbol }, weight: 5 },
      readSymbolConfig,
    );
    if (!config.ok) return config;
    const { marginType, leverage } = config.value;
    return success(marginType === this.#marginMode && leverage === this.#leverage);
  }

  async #setSymbol(symbol: string): Promise<Answer<void>> {
    const post = (path: string, parameters: Record<string, string | number>) =>
      this.#account.ask({ method: 'POST', path, parameters: { symbol, ...parameters }, weight: 1 }, ignore);
    const margin = await post('marginType', { marginType: this.#marginMode });
    if (!margin.ok && margin.error.refusalCode !== NO_NEED_TO_CHANGE_MARGIN_TYPE) return toAnswer(margin);
    return toAnswer(await post('leverage', { leverage: this.#leverage }));
  }

  async submit(order: EntryOrder | ReduceOrder): Promise<Submission> {
    const request = requestOf(order);
    const reference = {
      symbol: order.symbol,
      clientOrderId: order.clientOrderId,
      kind: request.path === 'algoOrder' ? 'stop' : 'market',
    } as const;
    // Binance keeps ids apart only among open orders: of a filled one it would take the id, and fill it, a second time.
    const known = await this.#exists(reference);
    if (known.ok && known.value) return { outcome: 'acknowledged' };
    // An entry is not worth a doubt; a reduction cannot add exposure, and is.
    if (!known.ok && order.kind === 'entry') {
      return {
        outcome: 'rejected',
        reason: `not sent, because its id could not be looked up: ${known.error.message}`,
      };
    }
    const sent = await this.#account.submit(request, (body) => readOwn(reference, body));
    return sent.ok ? { outcome: 'acknowledged' } : submissionOf(sent.error);
  }

  async #exists(order: OrderReference): Promise<Result<boolean, ExchangeFault>> {
    const found = await this.#account.ask(lookup(order), (body) => readOwn(order, body));
    if (found.ok) return success(true);
    return isOneOf(found.error, ORDER_NOT_FOUND) ? success(false) : found;
  }

  async find(order: OrderReference): Promise<Answer<OrderReport | undefined>> {
    const own = <T>(read: (body: unknown) => T) =>
      this.#account.ask(lookup(order), (body) => {
        readOwn(order, body);
        return read(body);
      });
    const report =
      order.kind === 'stop'
        ? await this.#reportStop(await own(readAlgoOrder))
        : await this.#report(await own(readOrder));
    if (report.ok) return report;
    return isOneOf(report.error, ORDER_NOT_FOUND) ? success(undefined) : toAnswer(report);
  }

  /** With its fee, which Binance keeps with the trades. */
  async #report(order: Result<BinanceOrder, ExchangeFault>): Promise<Result<OrderReport, ExchangeFault>> {
    if (!order.ok) return order;
    const { symbol, orderId, executedQty } = order.value;
    if (executedQty === 0) return success(reportOfOrder(order.value, undefined));
    const fill = await this.#account.ask(
      { method: 'GET', path: 'userTrades', parameters: { symbol, orderId }, weight: 5 },
      (body) => readFill(body, order.value),
    );
    return fill.ok ? success(reportOfOrder(order.value, fill.value)) : fill;
  }

  async #reportStop(
    stop: Result<BinanceAlgoOrder, ExchangeFault>,
  ): Promise<Result<OrderReport, ExchangeFault>> {
    if (!stop.ok) return stop;
    const { symbol, actualOrderId } = stop.value;
    if (actualOrderId === undefined) return success(reportOfAlgoOrder(stop.value, undefined));
    const became = await this.#report(
      await this.#account.ask(
        { method: 'GET', path: 'order', parameters: { symbol, orderId: actualOrderId }, weight: 1 },
        readOrder,
      ),
    );
    return became.ok ? success(reportOfAlgoOrder(stop.value, became.value)) : became;
  }

  async openOrders(): Promise<Answer<readonly OrderReport[]>> {
    const orders = await this.#account.ask({ method: 'GET', path: 'openOrders', weight: 40 }, readOrders);
    if (!orders.ok) return toAnswer(orders);
    const stops = await this.#account.ask(
      { method: 'GET', path: 'openAlgoOrders', weight: 40 },
      readAlgoOrders,
    );
    if (!stops.ok) return toAnswer(stops);
    const reports: OrderReport[] = stops.value.map((stop) => reportOfAlgoOrder(stop, undefined));
    for (const order of orders.value) {
      const report = await this.#report(success(order));
      if (!report.ok) return toAnswer(report);
      reports.push(report.value);
    }
    return success(reports);
  }

  async cancel(order: OrderReference): Promise<Answer<void>> {
    const request: SignedRequest = { ...lookup(order), method: 'DELETE' };
    const cancelled = await this.#account.ask(request, (body) => readOwn(order, body));
    if (!cancelled.ok && isOneOf(cancelled.error, ALREADY_GONE)) return success(undefined);
    return toAnswer(cancelled);
  }

  /** Both lists, even when one of them fails. */
  async cancelAll(symbol: string): Promise<Answer<void>> {
    const all = (path: string): SignedRequest => ({
      method: 'DELETE',
      path,
      parameters: { symbol },
      weight: 1,
    });
    const orders = await this.#account.ask(all('allOpenOrders'), readDone);
    const stops = await this.#account.ask(all('algoOpenOrders'), readDone);
    return toAnswer(orders.ok ? stops : orders);
  }

  async fundingSince(sinceMs: number) {
    const payments = new Map<string, ReturnType<typeof readFunding>[number]>();
    let startTime = sinceMs;
    for (let page = 0; page < INCOME_PAGES_MAX; page++) {
      const parameters = { incomeType: 'FUNDING_FEE', startTime, limit: INCOME_ROWS_MAX };
      const rows = await this.ask({ method: 'GET', path: 'income', parameters, weight: 30 }, readFunding);
      if (!rows.ok) return rows;
      for (const payment of rows.value) payments.set(payment.id, payment);
      const newestMs = Math.max(startTime, ...rows.value.map(({ atMs }) => atMs));
      if (rows.value.length < INCOME_ROWS_MAX || newestMs === startTime) {
        return success([...payments.values()].sort((a, b) => a.atMs - b.atMs || (a.id < b.id ? -1 : 1)));
      }
      startTime = newestMs;
    }
    return refuse(`more than ${INCOME_PAGES_MAX * INCOME_ROWS_MAX} funding payments since ${sinceMs}`);
  }
}

/** A stop watches the last price, as the candles that it was chosen on do. */
function requestOf(order: EntryOrder | ReduceOrder): SignedRequest {
  const { symbol, side, clientOrderId } = order;
  const quantity = plainDecimal(order.quantity);
  if (order.kind === 'entry' || order.stopPrice === null) {
    const reduceOnly = order.kind === 'reduce' ? { reduceOnly: 'true' } : {};
    const parameters = {
      symbol,
      side,
      type: 'MARKET',
      quantity,
      newClientOrderId: clientOrderId,
      ...reduceOnly,
    };
    return { method: 'POST', path: 'order', parameters, weight: 1 };
  }
  const parameters = {
    algoType: 'CONDITIONAL',
    symbol,
    side,
    type: 'STOP_MARKET',
    quantity,
    triggerPrice: plainDecimal(order.stopPrice),
    workingType: 'CONTRACT_PRICE',
    reduceOnly: 'true',
    clientAlgoId: clientOrderId,
  };
  return { method: 'POST', path: 'algoOrder', parameters, weight: 1 };
}

const lookup = ({ symbol, clientOrderId, kind }: OrderReference): SignedRequest =>
  kind === 'stop'
    ? { method: 'GET', path: 'algoOrder', parameters: { clientAlgoId: clientOrderId }, weight: 1 }
    : { method: 'GET', path: 'order', parameters: { symbol, origClientOrderId: clientOrderId }, weight: 1 };

/** What is known of an order whose submission failed: a refusal with a reason, or nothing. */
function submissionOf(fault: ExchangeFault): Submission {
  if (isOneOf(fault, DUPLICATE_ID)) return { outcome: 'acknowledged' };
  const refused = fault.code !== 'timeout' && fault.code !== 'network' && fault.code !== 'unavailable';
  // An answer that makes no sense may hide an order as well as none.
  if (!refused || fault.code === 'invalid_response') return { outcome: 'unknown', why: fault.message };
  return { outcome: 'rejected', reason: fault.message };
}

const isOneOf = ({ refusalCode }: ExchangeFault, codes: ReadonlySet<number>): boolean =>
  refusalCode !== undefined && codes.has(refusalCode);

const toAnswer = <T>(answer: Result<T, ExchangeFault>): Answer<T> =>
  answer.ok ? answer : failure(toBrokerError(answer.error));

const refuse = (message: string): Answer<never> => failure({ code: 'refused', message, retryable: false });

const ignore = (): void => undefined;
