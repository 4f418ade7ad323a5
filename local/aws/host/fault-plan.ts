// Faults that a test or a rehearsal injects into an embedded service: what AWS does on a bad day, on demand, counted and seeded.
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/**
 * throttle: the service's own throttling error. denied: its refusal of a caller that lacks the permission. error: 500 with the service's own error body. reset: the connection breaks
 * before the request is served. answer_lost: the request is served, then the connection breaks. hang: no answer at all.
 */
type AnswerFault = 'throttle' | 'denied' | 'error' | 'reset' | 'answer_lost' | 'hang';

/** What another client does after a request has arrived and before it is served: its condition is checked against that. */
type Rival = () => Promise<unknown>;

type CountedFault = ({ readonly kind: AnswerFault } | { readonly kind: 'raced'; readonly rival: Rival }) & {
  /** How many matching requests it hits. @default 1 */
  readonly times?: number;
  /** Only this operation, as the SDK's command is called without `Command`, e.g. `PutObject`. @default any */
  readonly operation?: string;
};

/**
 * index: DynamoDB's secondary indexes. read: reads that are not strongly consistent, of DynamoDB's tables and of parameters.
 * list: S3's lists.
 */
export type LaggingView = 'index' | 'read' | 'list';

/** The view shows a write only when this time has passed since; active until cleared. */
interface Lag {
  readonly kind: 'lag';
  readonly view: LaggingView;
  readonly lagMs: number;
  /** Share of the writes that it befalls. @default 1 */
  readonly share?: number;
  /** Decides which. @default 1 */
  readonly seed?: number;
}

/** More requests than this within a second are throttled, as AWS bounds an account's; in force until cleared. In real time. */
interface Rate {
  readonly kind: 'rate';
  readonly perSecond: number;
  /** The operations that share it. */
  readonly operations: readonly string[];
}

const RATE_WINDOW_MS = 1_000;

type LagInForce = Omit<Lag, 'kind' | 'view'> & { readonly random: ReturnType<typeof xoroshiro128plus> };

/** Faults still to come of one service. Faults apply in the order in which they were injected. */
export class FaultPlan {
  readonly #clock: { nowMs(): number };
  #pending: { readonly fault: CountedFault; left: number }[] = [];
  readonly #lags = new Map<LaggingView, LagInForce>();
  #rate: (Rate & { readonly servedAtMs: number[] }) | undefined;

  /** @param clock by which a lag passes */
  constructor(clock: { nowMs(): number }) {
    this.#clock = clock;
  }

  inject(fault: CountedFault | Lag | Rate): void {
    if (fault.kind === 'rate') this.#rate = { ...fault, servedAtMs: [] };
    else if (fault.kind === 'lag')
      this.#lags.set(fault.view, { ...fault, random: xoroshiro128plus(fault.seed ?? 1) });
    else this.#pending.push({ fault, left: fault.times ?? 1 });
  }

  clear(): void {
    this.#pending = [];
    this.#lags.clear();
    this.#rate = undefined;
  }

  /** The fault that hits this request, used up by it; undefined when none does. */
  take(operation: string): CountedFault | undefined {
    if (this.#isOverRate(operation)) return { kind: 'throttle' };
    const next = this.#pending.find(
      ({ fault }) => fault.operation === undefined || fault.operation === operation,
    );
    if (next === undefined) return undefined;
    next.left--;
    this.#pending = this.#pending.filter(({ left }) => left > 0);
    return next.fault;
  }

  #isOverRate(operation: string): boolean {
    const rate = this.#rate;
    if (rate === undefined || !rate.operations.includes(operation)) return false;
    const nowMs = performance.now();
    const { servedAtMs } = rate;
    while (servedAtMs.length > 0 && servedAtMs[0]! <= nowMs - RATE_WINDOW_MS) servedAtMs.shift();
    if (servedAtMs.length >= rate.perSecond) return true;
    servedAtMs.push(nowMs);
    return false;
  }

  /** When a write that takes place now was hidden from the view, for `isOver`; undefined when it is seen at once. */
  hide(view: LaggingView): number | undefined {
    const lag = this.#lags.get(view);
    if (lag === undefined) return undefined;
    const uniform = (lag.random.next() >>> 0) / 0x1_0000_0000;
    return uniform < (lag.share ?? 1) ? this.#clock.nowMs() : undefined;
  }

  /** Whether the view shows by now what was hidden from it then. */
  isOver(view: LaggingView, hiddenMs: number): boolean {
    const lag = this.#lags.get(view);
    return lag === undefined || this.#clock.nowMs() - hiddenMs >= lag.lagMs;
  }
}
