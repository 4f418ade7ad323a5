// How often, how long and how fast an exchange is asked: a question is repeated until it is answered, refused for good, or its
// time is up. A client keeps to its own share of the request limit, and to what its address has left.
import { failure, type Result, success } from '../../core/result.ts';
import { ExchangeFault } from './exchange-fault.ts';
import type { Transport } from './http-transport.ts';
import { admitToAll, RequestBudget } from './request-budget.ts';

export interface CallerOptions {
  /** One call: queueing, waiting and retries; a request under way may overrun it by its own timeout. @default 20000 */
  readonly deadlineMs?: number;
  /** Requests per call, the first included. @default 4 */
  readonly attempts?: number;
  /** `sleep` must advance it, or `isStill` be set. @default this machine's */
  readonly nowMs?: () => number;
  /** The clock, a replay's, stands still during a call: nobody waits for room in a budget. @default false */
  readonly isStill?: boolean;
  readonly sleep?: (durationMs: number) => Promise<void>;
  /** In [0, 1). @default Math.random */
  readonly random?: () => number;
  /** Shared by whoever counts as one address. @default one for each host and process */
  readonly address?: RequestBudget;
  /** @default the network */
  readonly transport?: Transport;
}

const BACKOFF_MS_FIRST = 250;
const BACKOFF_MS_MAX = 5_000;

/** `open` is called once, before the first request. */
export class RetryingCaller<Exchange> {
  readonly nowMs: () => number;
  readonly sleep: (durationMs: number) => Promise<void>;
  readonly #isStill: boolean;
  readonly #random: () => number;
  readonly #deadlineMs: number;
  readonly #attempts: number;
  readonly #share: RequestBudget;
  readonly #address: RequestBudget;
  readonly #open: () => Promise<Exchange>;
  #exchange: Promise<Exchange> | undefined;

  /** @param source.address the budget that it shares with all who talk to the same host */
  constructor(
    source: {
      readonly weightPerMinute: number;
      readonly address: RequestBudget;
      readonly open: () => Promise<Exchange>;
    },
    options: CallerOptions,
  ) {
    this.nowMs = options.nowMs ?? Date.now;
    this.sleep = options.sleep ?? sleepFor;
    this.#isStill = options.isStill ?? false;
    this.#random = options.random ?? Math.random;
    this.#deadlineMs = options.deadlineMs ?? 20_000;
    this.#attempts = options.attempts ?? 4;
    this.#share = new RequestBudget(source.weightPerMinute);
    this.#address = options.address ?? source.address;
    this.#open = source.open;
  }

  /** `attempts: 1` sends at most once: for what must not be repeated. */
  async call<T>(
    weight: number,
    ask: (exchange: Exchange) => Promise<T>,
    { startedAtMs = this.nowMs(), attempts = this.#attempts } = {},
  ): Promise<Result<T, ExchangeFault>> {
    this.#exchange ??= this.#open();
    const exchange = await this.#exchange;
    const deadlineAtMs = startedAtMs + this.#deadlineMs;
    for (let attempt = 1; ; attempt++) {
      const held = await this.#waitForBudget(weight, deadlineAtMs);
      if (held !== undefined)
        return failure(new ExchangeFault(held.code, held.message, { isUnsent: attempt === 1 }));
      const outcome = await settle(() => ask(exchange));
      if (outcome.ok) return outcome;
      const fault = outcome.error;
      this.#pauseFor(fault);
      const backoffMs = this.#random() * Math.min(BACKOFF_MS_MAX, BACKOFF_MS_FIRST * 2 ** (attempt - 1));
      const exhausted = attempt >= attempts || this.nowMs() + backoffMs >= deadlineAtMs;
      if (!fault.retryable || exhausted) return failure(fault);
      await this.sleep(backoffMs);
    }
  }

  /** The fault to report when the request cannot leave in time; a ban is never waited for. */
  async #waitForBudget(weight: number, deadlineAtMs: number): Promise<ExchangeFault | undefined> {
    for (;;) {
      const nowMs = this.nowMs();
      if (nowMs >= deadlineAtMs) {
        return new ExchangeFault('timeout', 'the time for the call was up before the request could leave');
      }
      const { waitMs, because } = admitToAll([this.#address, this.#share], { weight, nowMs });
      if (waitMs === 0) return undefined;
      const seconds = Math.ceil(waitMs / 1000);
      if (because === 'banned') {
        return new ExchangeFault(
          'banned',
          `banned by the exchange for another ${seconds} s: nothing is sent until then`,
        );
      }
      if (this.#isStill || nowMs + waitMs >= deadlineAtMs) {
        const whose = because === 'own_limit' ? 'our own request limit' : "the exchange's request limit";
        return new ExchangeFault('rate_limited', `${whose} leaves no room for another ${seconds} s`);
      }
      await this.sleep(waitMs);
    }
  }

  #pauseFor(fault: ExchangeFault): void {
    if (fault.pauseMs === undefined) return;
    const because = fault.code === 'banned' ? 'banned' : 'rate_limited';
    this.#address.pauseUntil({ untilMs: this.nowMs() + fault.pauseMs, because });
  }
}

async function settle<T>(ask: () => Promise<T>): Promise<Result<T, ExchangeFault>> {
  try {
    return success(await ask());
  } catch (error) {
    if (error instanceof ExchangeFault) return failure(error);
    throw error;
  }
}

const sleepFor = (durationMs: number): Promise<void> => new Promise((wake) => setTimeout(wake, durationMs));
