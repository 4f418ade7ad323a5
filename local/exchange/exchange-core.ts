// The simulated exchange without its connections: every request that reaches it is answered at once, into whatever sink is given.
// The HTTP server of simulated-exchange.ts is one way in; a simulation that has no time for connections is another.
import { ZodError, z } from 'zod';
import { MICRO, MINUTE_MS } from '../../lib/core/units.ts';
import type { MarketSource } from '../market/market-source.ts';
import type { AccountModes } from './account/account-settings.ts';
import { type AccountTruth, truthOf } from './account/account-truth.ts';
import type { MatchingCosts } from './account/matching.ts';
import { MatchingAccount } from './account/matching-account.ts';
import { ArchiveFiles, isArchivePath } from './archive-files.ts';
import { type ContractChanges, Contracts } from './contracts.ts';
import { FAULTS_PATH } from './exchange-door.ts';
import { ExternalActError, type ExternalActs, externalActs, isExternalAct } from './external-acts.ts';
import { ActiveFaults, type AnswerFault } from './faults.ts';
import { type AnswerSink, loseAnswer, refusalOf, send, sendSpoiled, tooMany } from './http-answers.ts';
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

export interface ExchangeOptions {
  readonly market: MarketSource;
  /** The exchange's clock. */
  readonly clock: { nowMs(): number };
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

export interface SimulatedAccount extends AccountKeys, Partial<AccountModes> {
  readonly depositUsdt: number;
  readonly costs: MatchingCosts;
}

const EXTERNAL_PATH = '/__external/';
const WEIGHT_PER_MINUTE: Readonly<Record<MarketKind, number>> = { usdm: 2_400, spot: 6_000 };

interface Api {
  readonly routes: ReadonlyMap<string, Route>;
  readonly weights: RequestWeights;
}

export class ExchangeCore {
  readonly faults: ActiveFaults;
  readonly external: ExternalActs;
  readonly contracts: Contracts;
  readonly nowMs: () => number;
  readonly #files: ArchiveFiles;
  readonly #orderRates: OrderRates;
  /** By the first segment of the path: each API has its own limits. */
  readonly #apis: ReadonlyMap<string, Api>;
  readonly #account: MatchingAccount | undefined;
  #keys: AccountKeys | undefined;

  constructor(options: ExchangeOptions) {
    const { account: terms, faultSeed: seed = 1 } = options;
    this.faults = new ActiveFaults(seed);
    this.nowMs = () => options.clock.nowMs() + this.faults.clockSkewMs();
    this.#keys = terms;
    const limits = { perTenSeconds: ORDERS_PER_TEN_SECONDS, perMinute: ORDERS_PER_MINUTE };
    this.#orderRates = new OrderRates({ ...limits, ...options.orderLimits });
    const unkind = { ...KIND, ...options.unkind };
    const contracts = new Contracts(options.market, this.nowMs, options.contracts);
    this.contracts = contracts;
    const changes = new MarketChanges({ contracts, revision: unkind.revision, seed });
    const marks = new MarkPrices({ deviationBps: unkind.markDeviationBps, seed });
    const market = new VisibleMarket(options.market, this.nowMs, changes);
    const account = terms && openAccount(terms, { market, contracts, marks, unkind });
    this.#account = account;
    this.#files = new ArchiveFiles(market);
    const fundingRatePer8h = terms?.costs.fundingRatePer8h ?? 0;
    const api = (kind: MarketKind): Api => {
      const usual = { weightPerMinute: WEIGHT_PER_MINUTE[kind], refusalsBeforeBan: 20, banMs: 2 * MINUTE_MS };
      const { weightPerMinute, refusalsBeforeBan, banMs } = { ...usual, ...options.rateLimits };
      const routes = publicRoutes({ kind, market, contracts, marks, fundingRatePer8h, weightPerMinute });
      if (kind === 'usdm' && account !== undefined)
        routes.push(...privateRoutes({ account, keys: () => this.#keys!, nowMs: this.nowMs }));
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
      ...{ nowMs: this.nowMs, contracts, marks, changes, account },
      weights: new Map([...this.#apis].map(([name, { weights }]) => [name, weights])),
      replaceKeys: (keys) => {
        this.#keys = keys;
      },
    });
  }

  truth(): AccountTruth | undefined {
    return this.#account && truthOf(this.#account);
  }

  /** Answers at once. @param fault that befalls the request */
  handle(request: ExchangeRequest, response: AnswerSink, fault: AnswerFault | undefined): void {
    if (request.path === FAULTS_PATH) send(response, this.#controlFaults(request));
    else if (request.path.startsWith(EXTERNAL_PATH)) send(response, this.#act(request));
    else if (fault === undefined) send(response, this.#answer(request, response));
    else if (fault.kind === 'reset') response.reset();
    else if (fault.kind !== 'timeout') this.#answerFaulted(request, response, fault);
  }

  #answerFaulted(request: ExchangeRequest, response: AnswerSink, fault: AnswerFault): void {
    const partial = fault.kind === 'partial_fill' ? fault : undefined;
    const faulted = {
      ...{ ...request, fillable: partial?.share, restBecomes: partial?.restBecomes },
      lateMs: fault.kind === 'late' ? fault.seconds * 1_000 : 0,
    };
    const answer = refusalOf(fault, response) ?? this.#answer(faulted, response);
    if (fault.kind === 'accept_then') loseAnswer(fault.how, response);
    else if (answer.status !== 200) send(response, answer);
    else {
      const pick = fault.kind === 'odd_row' && fault.how === undefined ? this.faults.uniform() : 0;
      sendSpoiled(response, { fault, answer, nowMs: this.nowMs(), path: request.path, pick });
    }
  }

  /** The fault that befalls this request, of those that were injected; it is used up by asking. */
  takeFault(request: ExchangeRequest): AnswerFault | undefined {
    const { path, method } = request;
    if (path === FAULTS_PATH || path.startsWith(EXTERNAL_PATH)) return undefined;
    const parameters = parametersOf(request);
    return this.faults.take({
      ...{ path, method, symbol: parameters.get('symbol') },
      reduces: parameters.get('reduceOnly') === 'true' || parameters.get('closePosition') === 'true',
    });
  }

  #answer(request: ExchangeRequest, response: AnswerSink): ExchangeReply {
    const { method, path, query, address } = request;
    // Files come from another host, which counts no weight.
    if (method === 'GET' && isArchivePath(path)) return this.#files.answer(path);
    const api = this.#apis.get(path.split('/')[1] ?? '');
    const route = api?.routes.get(`${method} ${path}`);
    if (api === undefined || route === undefined)
      return refuse(-5000, `Path ${path}, Method ${method} is invalid`, 404);
    const nowMs = this.nowMs();
    const toll = api.weights.charge({ address, weight: route.weight(query), nowMs });
    response.setHeader('X-MBX-USED-WEIGHT-1M', String(toll.usedWeight));
    if (toll.kind !== 'passed') return tooMany(response, toll.kind, toll.retryAfterSeconds);
    return (route.isOrder ? this.#countOrder(response, nowMs) : undefined) ?? route.answer(request);
  }

  #countOrder(response: AnswerSink, nowMs: number): ExchangeReply | undefined {
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
