// Orders at Binance, told apart by our own ids. An order goes out once. A lookup may lag the order's acceptance, and the matching
// engine's answer to a cancellation may lag both: the list of open orders outranks either.
import { failure, type Result, success } from '../../../core/result.ts';
import type { EntryOrder, ReduceOrder } from '../../../execution/order.ts';
import type { Fill, OpenOrder, OrderReference, OrderReport, Submission } from '../../../execution/ports.ts';
import { ExchangeFault } from '../exchange-fault.ts';
import { tradesOf } from './account-history.ts';
import type { BinanceAccount, SignedRequest } from './binance-account.ts';
import { fillOfTrade } from './binance-balances.ts';
import {
  type BinanceAlgoOrder,
  type BinanceOrder,
  readAlgoOrder,
  readOpenOrders,
  readOpenStops,
  readOrder,
  readOwn,
  reportOfAcceptance,
  reportOfAlgoOrder,
  reportOfOpen,
  reportOfOrder,
} from './binance-orders.ts';
import {
  lookupOf,
  requestOf,
  saysNoSuchContract,
  saysNotFound,
  saysNothingToCancel,
  submissionOf,
} from './order-requests.ts';

/** For this long after it was sent, or a stop has named what it became, an order that is not found is looked up again. */
const LOOKUP_LAG_MS = 3_000;
const LOOKUP_PAUSE_MS = 500;
/** Ids remembered as sent: more than leave within the lag. */
const SENT_MAX = 200;

type Looked<T> = Result<T, ExchangeFault>;

export class LiveOrders {
  readonly #account: BinanceAccount;
  /** When each order left, by this machine's clock; oldest first. */
  readonly #sentAtMs = new Map<string, number>();

  constructor(account: BinanceAccount) {
    this.#account = account;
  }

  async submit(order: EntryOrder | ReduceOrder, stillWanted?: () => boolean): Promise<Submission> {
    const request = requestOf(order);
    const reference = {
      symbol: order.symbol,
      clientOrderId: order.clientOrderId,
      kind: request.path === 'algoOrder' ? 'stop' : 'market',
    } as const;
    // Binance keeps ids apart only among open orders: of a filled one it would take the id, and fill it, a second time.
    const known = await this.#lookUp(reference);
    if (known.ok && known.value !== undefined) return { outcome: 'acknowledged', report: known.value };
    // An entry is not worth a doubt; a reduction cannot add exposure, and is.
    if (!known.ok && order.kind === 'entry') {
      const message = `not sent, because its id could not be looked up: ${known.error.message}`;
      // Refused keys are told as such: there may be others.
      const code = known.error.code === 'unauthorised' ? 'unauthorised' : 'unsent';
      return { outcome: 'rejected', code, message };
    }
    this.#remember(order.clientOrderId);
    const accepted = (body: unknown) => {
      readOwn(reference, body);
      return reportOfAcceptance(reference, body);
    };
    const sent = await this.#account.submit(request, accepted, stillWanted);
    return sent.ok ? { outcome: 'acknowledged', report: sent.value } : submissionOf(sent.error);
  }

  /** undefined when there is no such order. */
  async find(order: OrderReference): Promise<Looked<OrderReport | undefined>> {
    const found = await this.#lookUpPatiently(order);
    if (!found.ok || found.value !== undefined) return found;
    const listed = await this.#listed(order);
    return mapped(listed, (open) =>
      open === undefined ? undefined : reportOfOpen(open, this.#account.nowMs()),
    );
  }

  async cancel(order: OrderReference): Promise<Looked<void>> {
    const request: SignedRequest = { ...lookupOf(order), method: 'DELETE' };
    const cancelled = await this.#account.ask(request, (body) => readOwn(order, body));
    if (cancelled.ok || !saysNothingToCancel(cancelled.error)) return cancelled;
    const listed = await this.#listed(order);
    if (!listed.ok) return listed;
    if (listed.value === undefined) return success(undefined);
    const message = `order ${order.clientOrderId} is still listed as open: ${cancelled.error.message}`;
    return failure(new ExchangeFault('unavailable', message));
  }

  /** Oldest first; empty while the exchange lists none yet. */
  async fills(order: OrderReference): Promise<Looked<readonly Fill[]>> {
    const filled = await this.#orderThatFills(order);
    if (!filled.ok) return saysNotFound(filled.error) ? success([]) : filled;
    if (filled.value === undefined) return success([]);
    const trades = await tradesOf(this.#account, filled.value);
    return trades.ok ? success(trades.value.map(fillOfTrade)) : trades;
  }

  #remember(clientOrderId: string): void {
    this.#sentAtMs.delete(clientOrderId);
    this.#sentAtMs.set(clientOrderId, this.#account.nowMs());
    const [oldest] = this.#sentAtMs.keys();
    if (this.#sentAtMs.size > SENT_MAX && oldest !== undefined) this.#sentAtMs.delete(oldest);
  }

  async #lookUpPatiently(order: OrderReference): Promise<Looked<OrderReport | undefined>> {
    const sentAtMs = this.#sentAtMs.get(order.clientOrderId) ?? Number.NEGATIVE_INFINITY;
    const isMissing = (found: Looked<unknown>) => found.ok && found.value === undefined;
    return this.#askPatiently(sentAtMs, () => this.#lookUp(order), isMissing);
  }

  /** Asks again while what is asked for is missing and may yet appear: for a lag from `sinceMs` on. */
  async #askPatiently<T>(
    sinceMs: number,
    ask: () => Promise<Looked<T>>,
    isMissing: (answer: Looked<T>) => boolean,
  ): Promise<Looked<T>> {
    for (;;) {
      const answer = await ask();
      if (!isMissing(answer) || this.#account.nowMs() >= sinceMs + LOOKUP_LAG_MS) return answer;
      await this.#account.sleep(LOOKUP_PAUSE_MS);
    }
  }

  async #lookUp(order: OrderReference): Promise<Looked<OrderReport | undefined>> {
    const report =
      order.kind === 'stop'
        ? await this.#reportStop(await this.#own(order, readAlgoOrder))
        : mapped(await this.#own(order, readOrder), reportOfOrder);
    return !report.ok && saysNotFound(report.error) ? success(undefined) : report;
  }

  #own<T>(order: OrderReference, read: (body: unknown) => T): Promise<Looked<T>> {
    return this.#account.ask(lookupOf(order), (body) => {
      readOwn(order, body);
      return read(body);
    });
  }

  async #reportStop(stop: Looked<BinanceAlgoOrder>): Promise<Looked<OrderReport>> {
    if (!stop.ok) return stop;
    // It may be listed later than the stop names it.
    const became = await this.#askPatiently(
      this.#account.nowMs(),
      () => this.#became(stop.value),
      (answer) => !answer.ok && saysNotFound(answer.error),
    );
    if (became.ok) {
      const report = became.value === undefined ? undefined : reportOfOrder(became.value);
      return success(reportOfAlgoOrder(stop.value, report));
    }
    if (!saysNotFound(became.error)) return became;
    // The stop is there, the order that it became is not yet: what is over cannot be told then.
    if (stop.value.algoStatus !== 'FINISHED') return success(reportOfAlgoOrder(stop.value, undefined));
    const message = `what stop ${stop.value.clientAlgoId} became is not listed yet`;
    return failure(new ExchangeFault('unavailable', message));
  }

  /** The order that a triggered stop turned into; undefined while there is none. */
  async #became({ symbol, actualOrderId }: BinanceAlgoOrder): Promise<Looked<BinanceOrder | undefined>> {
    if (actualOrderId === undefined) return success(undefined);
    return this.#account.ask(
      { method: 'GET', path: 'order', parameters: { symbol, orderId: actualOrderId }, weight: 1 },
      readOrder,
    );
  }

  async #orderThatFills(order: OrderReference): Promise<Looked<BinanceOrder | undefined>> {
    if (order.kind === 'market') return this.#own(order, readOrder);
    const stop = await this.#own(order, readAlgoOrder);
    return stop.ok ? this.#became(stop.value) : stop;
  }

  async #listed({ symbol, clientOrderId, kind }: OrderReference): Promise<Looked<OpenOrder | undefined>> {
    const [path, read] =
      kind === 'stop'
        ? (['openAlgoOrders', readOpenStops] as const)
        : (['openOrders', readOpenOrders] as const);
    const listed = await this.#account.ask({ method: 'GET', path, parameters: { symbol }, weight: 1 }, read);
    if (!listed.ok && saysNoSuchContract(listed.error)) return success(undefined);
    return mapped(listed, ({ rows }) => rows.find((row) => row.clientOrderId === clientOrderId));
  }
}

const mapped = <A, B>(answer: Looked<A>, by: (value: A) => B): Looked<B> =>
  answer.ok ? success(by(answer.value)) : answer;
