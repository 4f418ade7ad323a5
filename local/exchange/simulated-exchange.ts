// An exchange on this machine that speaks Binance's REST to the real ccxt client: what `npm start` trades on and what the tests
// break. It follows the clock it is given, so a replay at any speed has the same limits, times and bars as the real thing.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ZodError, z } from 'zod';
import { microUsdt } from '../../lib/trading/money.ts';
import { newRunSecret } from '../aws/local-door.ts';
import { ArchiveFiles, isArchivePath } from './archive-files.ts';
import { FAULTS_PATH, turnAway } from './exchange-door.ts';
import { rulesOf, type SymbolRules } from './exchange-info.ts';
import { ActiveFaults, type AnswerFault, type FaultControl } from './faults.ts';
import type { MarketSource } from './market-source.ts';
import { type AccountModes, MatchingAccount, type MatchingCosts } from './matching-account.ts';
import { privateRoutes } from './private-routes.ts';
import { type MarketKind, publicRoutes } from './public-routes.ts';
import { type RateLimits, RequestWeights } from './request-weights.ts';
import { type ExchangeReply, type ExchangeRequest, JsonText, type Route, refuse } from './route.ts';
import { type AccountKeys, parametersOf } from './signed-request.ts';
import { spoil, spoilFile } from './spoiled-answer.ts';
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
  /** Decides which requests a fault with a probability befalls. @default 1 */
  readonly faultSeed?: number;
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
  /** Of this run, in the header `x-qt-secret` of its control routes. */
  readonly secret: string;
  /** Tears down open connections too; may be called again. */
  close(): Promise<void>;
}

const BODY_BYTES_MAX = 65_536;
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
  readonly #nowMs: () => number;
  readonly #files: ArchiveFiles;
  /** By the first segment of the path: each API has its own limits. */
  readonly #apis: ReadonlyMap<string, Api>;

  constructor(options: SimulatedExchangeOptions) {
    this.faults = new ActiveFaults(options.faultSeed ?? 1);
    this.#nowMs = () => options.clock.nowMs() + this.faults.clockSkewMs();
    const market = new VisibleMarket(options.market, this.#nowMs);
    this.#files = new ArchiveFiles(market);
    const rules = rulesOf(options.market);
    const api = (kind: MarketKind): Api => {
      const limits = { weightPerMinute: WEIGHT_PER_MINUTE[kind], refusalsBeforeBan: 20, banMs: 120_000 };
      const { weightPerMinute, refusalsBeforeBan, banMs } = { ...limits, ...options.rateLimits };
      const { account } = options;
      const routes = publicRoutes({ kind, market, rules, weightPerMinute });
      if (kind === 'usdm' && account !== undefined) routes.push(...accountRoutes({ account, market, rules }));
      return {
        routes: new Map(routes.map((route) => [`${route.method} ${route.path}`, route])),
        weights: new RequestWeights({ weightPerMinute, refusalsBeforeBan, banMs }),
      };
    };
    this.#apis = new Map([
      ['fapi', api('usdm')],
      ['api', api('spot')],
    ]);
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
      body: body ?? '',
    };
    // The exchange's own date: clients may judge by it which bars are closed.
    response.sendDate = false;
    response.setHeader('Date', new Date(this.#nowMs()).toUTCString());
    if (body === undefined) return send(response, refuse(-1000, 'The request is too large.', 413));
    if (request.path === FAULTS_PATH) return send(response, this.#controlFaults(request));
    const symbol = parametersOf(request).get('symbol');
    const fault = this.faults.take({ path: request.path, method: request.method, symbol });
    if (fault?.kind === 'timeout') return;
    if (fault?.kind === 'reset') {
      incoming.socket.destroy();
      return;
    }
    const fillable = fault?.kind === 'partial_fill' ? fault.share : undefined;
    const answer = (fault && refusalOf(fault, response)) ?? this.#answer({ ...request, fillable }, response);
    if (fault?.kind === 'accept_then') return loseAnswer(fault.how, incoming, response);
    if (fault === undefined || answer.status !== 200) return send(response, answer);
    sendSpoiled(response, { fault, answer, nowMs: this.#nowMs() });
  }

  #answer(request: ExchangeRequest, response: ServerResponse): ExchangeReply {
    const { method, path, query } = request;
    // Files come from another host, which counts no weight.
    if (method === 'GET' && isArchivePath(path)) return this.#files.answer(path);
    const api = this.#apis.get(path.split('/')[1] ?? '');
    const route = api?.routes.get(`${method} ${path}`);
    if (api === undefined || route === undefined)
      return refuse(-5000, `Path ${path}, Method ${method} is invalid`, 404);
    const toll = api.weights.charge({ weight: route.weight(query), nowMs: this.#nowMs() });
    response.setHeader('X-MBX-USED-WEIGHT-1M', String(toll.usedWeight));
    if (toll.kind === 'passed') return route.answer(request);
    return tooMany(response, toll.kind, toll.retryAfterSeconds);
  }

  #controlFaults({ method, body }: ExchangeRequest): ExchangeReply {
    if (method === 'DELETE') this.faults.clear();
    if (method === 'POST') {
      try {
        this.faults.inject(JSON.parse(body));
      } catch (error) {
        if (!(error instanceof ZodError || error instanceof SyntaxError)) throw error;
        const why = error instanceof ZodError ? z.prettifyError(error) : error.message;
        return { status: 400, body: { error: why } };
      }
    }
    return { status: 200, body: { faults: this.faults.list() } };
  }
}

/** The refusal that a fault stands for; undefined for one that spoils an answer instead. */
function refusalOf(fault: AnswerFault, response: ServerResponse): ExchangeReply | undefined {
  if (fault.kind === 'server_error') return refuse(-1001, 'Internal error; unable to process.', fault.status);
  if (fault.kind === 'reject') return refuse(fault.code, fault.msg);
  if (fault.kind !== 'rate_limited' && fault.kind !== 'banned') return undefined;
  return tooMany(response, fault.kind, fault.retryAfterSeconds);
}

function loseAnswer(
  how: 'timeout' | 'reset' | 'server_error',
  incoming: IncomingMessage,
  response: ServerResponse,
): void {
  if (how === 'reset') incoming.socket.destroy();
  // Binance's words for: whether this was executed is not known.
  const unknown = 'Unknown error, please check your request or try again later.';
  if (how === 'server_error') send(response, refuse(-1000, unknown, 503));
}

function accountRoutes(context: {
  account: SimulatedAccount;
  market: VisibleMarket;
  rules: ReadonlyMap<string, SymbolRules>;
}): Route[] {
  const { account: options, market, rules } = context;
  const { apiKey, secret, depositUsdt, costs, ...modes } = options;
  const account = new MatchingAccount({
    market,
    rules,
    costs,
    modes: { dualSidePosition: false, multiAssetsMargin: false, feeBurn: false, ...modes },
    depositMicroUsdt: microUsdt(depositUsdt),
  });
  return privateRoutes({ account, keys: { apiKey, secret }, nowMs: market.nowMs });
}

function tooMany(
  response: ServerResponse,
  kind: 'rate_limited' | 'banned',
  retryAfterSeconds: number,
): ExchangeReply {
  response.setHeader('Retry-After', String(retryAfterSeconds));
  if (kind === 'banned') return refuse(-1003, 'Way too many requests; IP banned.', 418);
  return refuse(-1003, 'Too many requests; current limit of request weight is exceeded.', 429);
}

function send(response: ServerResponse, { status, body }: ExchangeReply): void {
  if (body instanceof Uint8Array) {
    response.writeHead(status, { 'Content-Type': 'application/octet-stream' });
    response.end(body);
    return;
  }
  response.writeHead(status, { 'Content-Type': 'application/json;charset=UTF-8' });
  response.end(body instanceof JsonText ? body.text : JSON.stringify(body));
}

const bodyOf = ({ body }: ExchangeReply): unknown =>
  body instanceof JsonText ? JSON.parse(body.text) : body;

function sendSpoiled(
  response: ServerResponse,
  context: { fault: AnswerFault; answer: ExchangeReply; nowMs: number },
): void {
  const { fault, answer, nowMs } = context;
  const file = answer.body instanceof Uint8Array ? spoilFile(fault, answer.body) : undefined;
  if (file !== undefined) {
    send(response, { status: 200, body: file });
    return;
  }
  const text = spoil(fault, bodyOf(answer), nowMs);
  const page = fault.kind === 'html' || fault.kind === 'refused';
  const type = page ? 'text/html' : 'application/json;charset=UTF-8';
  if (fault.kind === 'stall') {
    response.writeHead(200, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) });
    response.write(text.slice(0, Math.floor(text.length / 2)));
    return;
  }
  response.writeHead(fault.kind === 'refused' ? fault.status : 200, { 'Content-Type': type });
  response.end(text);
}

/** undefined when it is larger than any request to an exchange. */
async function readBody(incoming: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
  }
  return bytes > BODY_BYTES_MAX ? undefined : Buffer.concat(chunks).toString('utf8');
}
