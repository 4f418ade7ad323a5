// Signed requests to a Binance USDT-M futures account: in the exchange's time, within one request budget, and an order never
// more than once.
import { type Result, success } from '../../../core/result.ts';
import { type ExchangeCredentials, hostOf, openCcxtClient } from '../ccxt-client.ts';
import { ExchangeFault } from '../exchange-fault.ts';
import { budgetOfHost } from '../request-budget.ts';
import { type CallerOptions, RetryingCaller } from '../retrying-caller.ts';

export interface BinanceAccountOptions extends CallerOptions {
  /** Origin of a simulated exchange. @default the real exchange */
  readonly baseUrl?: string | undefined;
  readonly credentials: ExchangeCredentials;
  /** One request, from connecting to the last byte. @default 5000 */
  readonly timeoutMs?: number;
  /** How old a request may be when it arrives. @default 5000 */
  readonly recvWindowMs?: number;
  /** @default a quarter of the exchange's limit per address: market data has the rest */
  readonly weightPerMinute?: number;
}

export interface SignedRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  /** @default 1 */
  readonly version?: 1 | 3;
  readonly parameters?: Readonly<Record<string, string | number | boolean>>;
  /** From Binance's API documentation. */
  readonly weight: number;
}

const WEIGHT_PER_MINUTE = 600;
const CLOCK_REFUSED = -1021;

interface Client {
  request(request: SignedRequest, stillWanted?: () => boolean): Promise<unknown>;
  serverTimeMs(): Promise<number>;
}

export class BinanceAccount {
  readonly #caller: RetryingCaller<Client>;
  /** What the exchange's clock is ahead of ours; undefined until it was asked. */
  #clockOffsetMs: number | undefined;

  constructor(options: BinanceAccountOptions) {
    const { weightPerMinute = WEIGHT_PER_MINUTE } = options;
    const address = budgetOfHost(hostOf('binanceusdm', options.baseUrl));
    this.#caller = new RetryingCaller({ weightPerMinute, address, open: () => this.#open(options) }, options);
  }

  /** Repeated until answered: for what changes nothing, or nothing more the second time. */
  ask<T>(request: SignedRequest, read: (body: unknown) => T): Promise<Result<T, ExchangeFault>> {
    return this.#caller.call(request.weight, async (client) => read(await this.#send(client, request)));
  }

  /**
   * Sent at most once, but for a request that was refused unread because of its time.
   * @param stillWanted asked immediately before it leaves, each time; false: it does not, and the fault is `isUnsent`
   */
  submit<T>(
    request: SignedRequest,
    read: (body: unknown) => T,
    stillWanted?: () => boolean,
  ): Promise<Result<T, ExchangeFault>> {
    const send = async (client: Client) => read(await this.#send(client, request, stillWanted));
    return this.#caller.call(request.weight, send, { attempts: 1 });
  }

  /** By the machine's clock: for durations only. */
  nowMs(): number {
    return this.#caller.nowMs();
  }

  async exchangeNowMs(): Promise<Result<number, ExchangeFault>> {
    const read = async (client: Client) => {
      if (this.#clockOffsetMs === undefined) await this.#readClock(client);
    };
    const known = await this.#caller.call(1, read);
    return known.ok ? success(this.#caller.nowMs() + (this.#clockOffsetMs ?? 0)) : known;
  }

  sleep(durationMs: number): Promise<void> {
    return this.#caller.sleep(durationMs);
  }

  async #send(client: Client, request: SignedRequest, stillWanted?: () => boolean): Promise<unknown> {
    if (this.#clockOffsetMs === undefined) await this.#readClock(client);
    try {
      return await client.request(request, stillWanted);
    } catch (error) {
      if (!(error instanceof ExchangeFault && error.refusalCode === CLOCK_REFUSED)) throw error;
    }
    // Refused before anything was done: the one case in which sending again is not sending twice.
    await this.#readClock(client);
    return client.request(request, stillWanted);
  }

  async #readClock(client: Client): Promise<void> {
    const sentAtMs = this.#caller.nowMs();
    const serverTimeMs = await client.serverTimeMs();
    this.#clockOffsetMs = serverTimeMs - Math.round((sentAtMs + this.#caller.nowMs()) / 2);
  }

  async #open(options: BinanceAccountOptions): Promise<Client> {
    const { baseUrl, credentials, timeoutMs = 5_000, recvWindowMs = 5_000, transport } = options;
    const timestampMs = () => this.#caller.nowMs() + (this.#clockOffsetMs ?? 0);
    const signing = { credentials, recvWindowMs, timestampMs };
    const { client, call } = await openCcxtClient({
      ...{ exchange: 'binanceusdm', baseUrl, timeoutMs, signing, transport },
    });
    return {
      request: ({ method, path, version = 1, parameters = {} }, stillWanted) =>
        call(
          (through) =>
            through.request(path, version === 3 ? 'fapiPrivateV3' : 'fapiPrivate', method, { ...parameters }),
          stillWanted,
        ),
      serverTimeMs: async () => {
        const timeMs = await call(() => client.fetchTime());
        if (timeMs !== undefined && timeMs > 0) return timeMs;
        throw new ExchangeFault('invalid_response', 'the exchange answered without its time');
      },
    };
  }
}
