// Opens the one ccxt exchange that is asked for, pointed at the real exchange or at a simulated one. ccxt gives the signing and
// the addresses; pacing, retries, timeouts and the reading of errors are ours, because ccxt's cannot be stopped or tested, and
// because its error classes lose the number by which an order's fate is told.
import type { MarketDataErrorCode } from '../../market/ports.ts';
import { createRedactor } from '../redact.ts';
import { ExchangeFault, excerpt } from './exchange-fault.ts';
import { type CcxtRequestInit, exchangeFetch } from './exchange-http.ts';
import type { Transport } from './http-transport.ts';

export type CcxtExchangeId = 'binanceusdm' | 'binance';

export interface ExchangeCredentials {
  readonly apiKey: string;
  readonly secret: string;
}

interface CcxtClientOptions {
  readonly exchange: CcxtExchangeId;
  /** Origin of a simulated exchange; undefined for the real one. */
  readonly baseUrl: string | undefined;
  /** Of one request, from connecting to the last byte of the body. */
  readonly timeoutMs: number;
  /** @default the network */
  readonly transport?: Transport | undefined;
  /** Only for signed requests. */
  readonly signing?: {
    readonly credentials: ExchangeCredentials;
    /** The exchange's time, as well as it is known. */
    readonly timestampMs: () => number;
    /** How old a request may be when it arrives. */
    readonly recvWindowMs: number;
  };
}

/** Binance's numbers whose meaning is not "no": from its API documentation, "Error Codes". */
const CODE_OF_REFUSAL: Readonly<Record<number, MarketDataErrorCode>> = {
  [-1000]: 'unavailable',
  [-1001]: 'unavailable',
  [-1004]: 'unavailable',
  [-1006]: 'unavailable',
  [-1007]: 'unavailable',
  [-1008]: 'unavailable',
  [-1003]: 'rate_limited',
  [-1015]: 'rate_limited',
  [-1121]: 'unknown_symbol',
  [-1002]: 'unauthorised',
  [-1022]: 'unauthorised',
  [-2014]: 'unauthorised',
  [-2015]: 'unauthorised',
  [-2017]: 'unauthorised',
};
/** The host that a client's requests go to, which is who counts them. */
export const hostOf = (exchange: CcxtExchangeId, baseUrl: string | undefined): string =>
  baseUrl === undefined ? REAL_HOST[exchange] : new URL(baseUrl).host;

const REAL_HOST: Readonly<Record<CcxtExchangeId, string>> = {
  binanceusdm: 'fapi.binance.com',
  binance: 'api.binance.com',
};

/** Names of ccxt's groups of endpoints on that host. */
const GROUPS: Readonly<Record<CcxtExchangeId, RegExp>> = {
  binanceusdm: /^fapi/,
  binance: /^(public|private)$/,
};

const REASON_CHARS_MAX = 120;
const NOT_WANTED = 'no longer wanted when it was about to leave: not sent';

/** What one client's answers and requests go by. */
interface Wiring {
  readonly redact: (text: string) => string;
  readonly answeredAtMs: WeakMap<object, number>;
  readonly timestampMs: (() => number) | undefined;
}

/**
 * Loads ccxt's class: a single file takes a quarter of the time and memory of the whole package. The path is spelled
 * out because ccxt does not export it, and so that Node, tsx, TypeScript and esbuild all find the same file wherever they are started:
 * Node refuses node_modules in the "imports" of package.json, and tsx looks for the "paths" of tsconfig.json in the working directory.
 */
async function loadClass(exchange: CcxtExchangeId) {
  const { default: Base } =
    exchange === 'binance'
      ? await import('../../../node_modules/ccxt/js/src/binance.js')
      : await import('../../../node_modules/ccxt/js/src/binanceusdm.js');

  return class RedirectedExchange extends Base {
    wiring: Wiring | undefined;

    /** Without the endpoints of other venues, for each of which ccxt would make methods. */
    override describe(): ReturnType<InstanceType<typeof Base>['describe']> {
      const described = super.describe();
      const groups = Object.entries(described.api).filter(([group]) => GROUPS[exchange].test(group));
      return { ...described, api: Object.fromEntries(groups) };
    }

    override handleErrors(...answer: Parameters<InstanceType<typeof Base>['handleErrors']>): undefined {
      const { redact, answeredAtMs } = this.wiring!;
      const [, , , , headers, , body] = answer;
      const dateMs = Date.parse(headers?.Date ?? '');
      if (typeof body === 'object' && body !== null && !Number.isNaN(dateMs)) answeredAtMs.set(body, dateMs);
      throwRefusal(body, redact);
      return super.handleErrors(...answer);
    }

    override nonce(): number {
      return this.wiring!.timestampMs?.() ?? super.nonce();
    }
  };
}

/** Each class once: objects of a new class cost three times as much to make. */
const classes: Partial<Record<CcxtExchangeId, ReturnType<typeof loadClass>>> = {};

/** Every call of `client` is to be made through `call`, which throws ExchangeFault alone. */
export async function openCcxtClient(options: CcxtClientOptions) {
  classes[options.exchange] ??= loadClass(options.exchange);
  const RedirectedExchange = await classes[options.exchange]!;
  const { BaseError } = await import('../../../node_modules/ccxt/js/src/base/errors.js');
  const answeredAtMs = new WeakMap<object, number>();
  const { signing, transport } = options;
  const redact = createRedactor(signing === undefined ? [] : Object.values(signing.credentials));
  const fetchNow = (url: string, init: CcxtRequestInit) => exchangeFetch(url, init, { redact, transport });
  const client = new RedirectedExchange({
    ...(signing === undefined ? {} : signing.credentials),
    enableRateLimit: false,
    timeout: options.timeoutMs,
    fetchImplementation: fetchNow,
    options: {
      fetchCurrencies: false,
      maxRetriesOnFailure: 0,
      ...(signing === undefined ? {} : { recvWindow: signing.recvWindowMs }),
    },
  });
  client.wiring = { redact, answeredAtMs, timestampMs: signing?.timestampMs };
  if (options.baseUrl !== undefined) redirect(client.urls, options.baseUrl);

  /** The same client but for its last step: an AsyncLocalStorage would slow every promise of the process down. */
  const guardedBy = (stillWanted: () => boolean): typeof client =>
    Object.create(client, {
      fetchImplementation: {
        value: (url: string, init: CcxtRequestInit) => {
          if (!stillWanted()) throw new ExchangeFault('rejected', NOT_WANTED, { isUnsent: true });
          return fetchNow(url, init);
        },
      },
    });

  /**
   * @param send by `request` of the client that it is given: ccxt's other methods leave through the one client
   * @param stillWanted asked immediately before the request leaves; false: it does not, and the fault is `isUnsent`
   */
  const call = async <T>(
    send: (through: typeof client) => Promise<T>,
    stillWanted?: () => boolean,
  ): Promise<T> => {
    try {
      return await send(stillWanted === undefined ? client : guardedBy(stillWanted));
    } catch (cause) {
      if (cause instanceof ExchangeFault) throw cause;
      // Whatever is not ccxt's own verdict is a defect of ours and must not pass for the exchange's.
      if (!(cause instanceof BaseError)) throw cause;
      // ccxt quotes answers, and the request that led to them: neither is kept.
      throw new ExchangeFault(
        'rejected',
        `the exchange refused the request: ${excerpt(redact(cause.message))}`,
      );
    }
  };
  return { client, call, answeredAtMs };
}

/** Binance's error body is `{"code": -2019, "msg": "…"}`; a success may carry a code of 200. */
function throwRefusal(body: unknown, redact: (text: string) => string): void {
  if (typeof body !== 'object' || body === null || !('code' in body)) return;
  const refusalCode = Number(body.code);
  if (!(Number.isInteger(refusalCode) && refusalCode < 0)) return;
  const said = 'msg' in body && typeof body.msg === 'string' ? body.msg : 'no reason given';
  throw new ExchangeFault(
    CODE_OF_REFUSAL[refusalCode] ?? 'rejected',
    `the exchange refused: ${refusalCode} ${excerpt(redact(said), REASON_CHARS_MAX)}`,
    { refusalCode },
  );
}

function redirect(urls: { api?: unknown }, baseUrl: string): void {
  const { origin } = new URL(baseUrl);
  const api = urls.api as Record<string, string>;
  for (const [name, original] of Object.entries(api)) api[name] = origin + new URL(original).pathname;
}
