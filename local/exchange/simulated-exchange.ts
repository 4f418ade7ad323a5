// An exchange on this machine that speaks Binance's REST to the real ccxt client: what `npm start` trades on and what the tests
// break. It follows the clock it is given, so a replay at any speed has the same limits, times and bars as the real thing.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ZodError, z } from 'zod';
import { MICRO, MINUTE_MS } from '../../lib/core/units.ts';
import { newRunSecret } from '../aws/host/local-door.ts';
import type { MarketSource } from '../market/market-source.ts';
import type { AccountModes } from './account/account-settings.ts';
import { type AccountTruth, truthOf } from './account/account-truth.ts';
import type { MatchingCosts } from './account/matching.ts';
import { MatchingAccount } from './account/matching-account.ts';

import { ArchiveFiles, isArchivePath } from './archive-files.ts';
import { type Contract, type ContractChanges, Contracts } from './contracts.ts';
import { FAULTS_PATH, turnAway } from './exchange-door.ts';
import { ExternalActError, type ExternalActs, externalActs, isExternalAct } from './external-acts.ts';
import { ActiveFaults, type FaultControl } from './faults.ts';
import { loseAnswer, readBody, refusalOf, send, sendSpoiled, tooMany } from './http-answers.ts';
import { MarkPrices } from './mark-prices.ts';
import { MarketChanges } from './market-changes.ts';
import { ORDERS_PER_MINUTE, ORDERS_PER_TEN_SECONDS, type OrderLimits, OrderRates } from './order-rates.ts';
import { type RateLimits, RequestWeights } from './request-weights.ts';
import { type ExchangeReply, type ExchangeRequest, type Route, refuse } from './route.ts';
import { privateRoutes } from './routes/private-routes.ts';
import { type MarketKind, publicRoutes } from './routes/public-routes.ts';
import { type AccountKeys, parametersOf } from './signed-request.ts';
import { KIND, type Unkindness } from './unkindness.ts';
import { VisibleMarket } from './visible-market.ts';

interface SimulatedExchangeOptions {
  readonly market: MarketSource;
  /** The exchange's clock. */
  readonly clock: { nowMs(): number };
  /** @default a free one */
  readonly port?: number;
  /** @default 127.0.0.1 */
  readonly host?: string;
  /** Of each of the two APIs on its own. @default Binance's: 2400 a minute for USDT-M, 6000 for spot */
  readonly rateLimits?: Partial<RateLimits>;
  /** An account to trade with. @default none: private endpoints are unknown */
  readonly account?: SimulatedAccount;
  /** Of the account. @default Binance's: 300 orders in 10 seconds, 1200 a minute */
  readonly orderLimits?: Partial<OrderLimits>;
  /** Decides which requests a fault with a probability befalls, and how mark prices wander. @default 1 */
  readonly faultSeed?: number;
  /** @default none: what is acknowledged is seen at once, at one price, with its fee in USDT */
  readonly unkind?: Partial<Unkindness>;
  /** Terms and filters of single contracts that are not the usual ones. */
  readonly contracts?: Readonly<Record<string, ContractChanges>>;
}

interface SimulatedAccount extends AccountKeys, Partial<AccountModes> {
  readonly depositUsdt: number;
  readonly costs: MatchingCosts;
}

export interface SimulatedExchange {
  /** Origin to give to clients, without a slash at the end. */
  readonly url: string;
  /** Also over HTTP: POST, GET, DELETE `/__faults`, with the secret. */
  readonly faults: FaultControl;
  /** What others do meanwhile. Also over HTTP: POST `/__external/<act>`. */
  readonly external: ExternalActs;
  /** The account as it is, without lags or faults; undefined without one. */
  truth(): AccountTruth | undefined;
  /** Terms and filters as they are; undefined for a symbol that the market has not. */
  contract(symbol: string): Contract | undefined;
  /** Of this run, in the header `x-qt-secret` of its control routes. */
  readonly secret: string;
  /** Tears down open connections too; may be called again. */
  close(): Promise<void>;
}

const EXTERNAL_PATH = '/__external/';
const WEIGHT_PER_MINUTE: Readonly<Record<MarketKind, number>> = { usdm: 2_400, spot: 6_000 };

/** Rejects when the port is taken. */
export async function startSimulatedExchange(options: SimulatedExchangeOptions): Promise<SimulatedExchange> {
  const exchange = new Exchange(options);
  const secret = newRunSecret();
  const server = createServer((incoming, response) => {
    if (turnAway(incoming, response, secret)) return;
    exchange.serve(incoming, response).catch(() => response.destroy());
  });
  const host = options.host ?? '127.0.0.1';
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}`,
    faults: exchange.faults,
    external: exchange.external,
    truth: () => exchange.truth(),
    contract: (symbol) => exchange.contracts.of(symbol),
    secret,
    close: async () => {
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

interface Api {
  readonly routes: ReadonlyMap<string, Route>;
  readonly weights: RequestWeights;
}

class Exchange {
  readonly faults: ActiveFaults;
  readonly external: ExternalActs;
  readonly contracts: Contracts;
  readonly #nowMs: () => number;
  readonly #files: ArchiveFiles;
  readonly #orderRates: OrderRates;
  /** By the first segment of the path: each API has its own limits. */
  readonly #apis: ReadonlyMap<string, Api>;
  readonly #account: MatchingAccount | undefined;
  #keys: AccountKeys | undefined;

  constructor(options: SimulatedExchangeOptions) {
    const { account: terms, faultSeed: seed = 1 } = options;
    this.faults = new ActiveFaults(seed);
    this.#nowMs = () => options.clock.nowMs() + this.faults.clockSkewMs();
    this.#keys = terms;
    const limits = { perTenSeconds: ORDERS_PER_TEN_SECONDS, perMinute: ORDERS_PER_MINUTE };
    this.#orderRates = new OrderRates({ ...limits, ...options.orderLimits });
    const unkind = { ...KIND, ...options.unkind };
    const contracts = new Contracts(options.market, this.#nowMs, options.contracts);
    this.contracts = contracts;
    const changes = new MarketChanges({ contracts, revision: unkind.revision, seed });
    const marks = new MarkPrices({ deviationBps: unkind.markDeviationBps, seed });
    const market = new VisibleMarket(options.market, this.#nowMs, changes);
    const account = terms && openAccount(terms, { market, contracts, marks, unkind });
    this.#account = account;
    this.#files = new ArchiveFiles(market);
    const fundingRatePer8h = terms?.costs.fundingRatePer8h ?? 0;
    const api = (kind: MarketKind): Api => {
      const usual = { weightPerMinute: WEIGHT_PER_MINUTE[kind], refusalsBeforeBan: 20, banMs: 2 * MINUTE_MS };
      const { weightPerMinute, refusalsBeforeBan, banMs } = { ...usual, ...options.rateLimits };
      const routes = publicRoutes({ kind, market, contracts, marks, fundingRatePer8h, weightPerMinute });
      if (kind === 'usdm' && account !== undefined)
        routes.push(...privateRoutes({ account, keys: () => this.#keys!, nowMs: this.#nowMs }));
      return {
        routes: new Map(routes.map((route) => [`${route.method} ${route.path}`, route])),
        weights: new RequestWeights({ weightPerMinute, refusalsBeforeBan, banMs }),
      };
    };
    this.#apis = new Map([
      ['fapi', api('usdm')],
      ['api', api('spot')],
    ]);
    this.external = externalActs({
      ...{ nowMs: this.#nowMs, contracts, marks, changes, account },
      weights: new Map([...this.#apis].map(([name, { weights }]) => [name, weights])),
      replaceKeys: (keys) => {
        this.#keys = keys;
      },
    });
  }

  truth(): AccountTruth | undefined {
    return this.#account && truthOf(this.#account);
  }

  async serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? '/', 'http://localhost');
    const body = await readBody(incoming);
    const request: ExchangeRequest = {
      method: incoming.method ?? 'GET',
      path: url.pathname,
      query: url.searchParams,
      rawQuery: url.search.slice(1),
      header: (name) => [incoming.headers[name]].flat()[0],
      address: incoming.socket.remoteAddress ?? '',
      body: body ?? '',
    };
    // The exchange's own date: clients may judge by it which bars are closed.
    response.sendDate = false;
    response.setHeader('Date', new Date(this.#nowMs()).toUTCString());
    if (body === undefined) return send(response, refuse(-1000, 'The request is too large.', 413));
    if (request.path === FAULTS_PATH) return send(response, this.#controlFaults(request));
    if (request.path.startsWith(EXTERNAL_PATH)) return send(response, this.#act(request));
    const parameters = parametersOf(request);
    const fault = this.faults.take({
      ...{ path: request.path, method: request.method, symbol: parameters.get('symbol') },
      reduces: parameters.get('reduceOnly') === 'true' || parameters.get('closePosition') === 'true',
    });
    if (fault?.kind === 'timeout') return;
    if (fault?.kind === 'reset') {
      incoming.socket.destroy();
      return;
    }
    const partial = fault?.kind === 'partial_fill' ? fault : undefined;
    const faulted = {
      ...{ ...request, fillable: partial?.share, restBecomes: partial?.restBecomes },
      lateMs: fault?.kind === 'late' ? fault.seconds * 1_000 : 0,
    };
    const answer = (fault && refusalOf(fault, response)) ?? this.#answer(faulted, response);
    if (fault?.kind === 'accept_then') return loseAnswer(fault.how, incoming, response);
    if (fault === undefined || answer.status !== 200) return send(response, answer);
    const pick = fault.kind === 'odd_row' && fault.how === undefined ? this.faults.uniform() : 0;
    sendSpoiled(response, { fault, answer, nowMs: this.#nowMs(), path: request.path, pick });
  }

  #answer(request: ExchangeRequest, response: ServerResponse): ExchangeReply {
    const { method, path, query, address } = request;
    // Files come from another host, which counts no weight.
    if (method === 'GET' && isArchivePath(path)) return this.#files.answer(path);
    const api = this.#apis.get(path.split('/')[1] ?? '');
    const route = api?.routes.get(`${method} ${path}`);
    if (api === undefined || route === undefined)
      return refuse(-5000, `Path ${path}, Method ${method} is invalid`, 404);
    const nowMs = this.#nowMs();
    const toll = api.weights.charge({ address, weight: route.weight(query), nowMs });
    response.setHeader('X-MBX-USED-WEIGHT-1M', String(toll.usedWeight));
    if (toll.kind !== 'passed') return tooMany(response, toll.kind, toll.retryAfterSeconds);
    return (route.isOrder ? this.#countOrder(response, nowMs) : undefined) ?? route.answer(request);
  }

  #countOrder(response: ServerResponse, nowMs: number): ExchangeReply | undefined {
    const { counts, refused } = this.#orderRates.charge(nowMs);
    for (const { window, count } of counts) response.setHeader(`X-MBX-ORDER-COUNT-${window}`, String(count));
    if (refused === undefined) return undefined;
    response.setHeader('Retry-After', String(refused.retryAfterSeconds));
    return refuse(-1015, `Too many new orders; current limit is ${refused.limit}.`, 429);
  }

  #controlFaults({ method, body }: ExchangeRequest): ExchangeReply {
    if (method === 'DELETE') this.faults.clear();
    if (method !== 'POST') return { status: 200, body: { faults: this.faults.list() } };
    return controlled(() => {
      this.faults.inject(JSON.parse(body));
      return { faults: this.faults.list() };
    });
  }

  #act({ method, path, body }: ExchangeRequest): ExchangeReply {
    const name = path.slice(EXTERNAL_PATH.length);
    if (method !== 'POST' || !isExternalAct(name)) return { status: 404, body: { error: `no act ${name}` } };
    return controlled(() => ({ result: this.external[name](JSON.parse(body)) ?? null }));
  }
}

/** What a control was asked to do; 400 with the reason when it cannot be done. */
function controlled(act: () => unknown): ExchangeReply {
  try {
    return { status: 200, body: act() };
  } catch (error) {
    const known = [ZodError, SyntaxError, ExternalActError].some((kind) => error instanceof kind);
    if (!known) throw error;
    const why = error instanceof ZodError ? z.prettifyError(error) : (error as Error).message;
    return { status: 400, body: { error: why } };
  }
}

function openAccount(
  terms: SimulatedAccount,
  context: { market: VisibleMarket; contracts: Contracts; marks: MarkPrices; unkind: Unkindness },
): MatchingAccount {
  const { apiKey: _key, secret: _secret, depositUsdt, costs, ...modes } = terms;
  return new MatchingAccount({
    ...context,
    costs,
    modes: { dualSidePosition: false, multiAssetsMargin: false, feeBurn: false, ...modes },
    depositMicroUsdt: Math.round(depositUsdt * MICRO),
  });
}
