// The ways in which a simulated exchange can misbehave, on demand. Each is one that real exchanges have shown; what the rest of
// the system makes of it is what the tests are about.
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { z } from 'zod';

/** Which requests a fault befalls. Without `count` and `probability`: all of them, until cleared. */
const scope = {
  /** Start of the path, e.g. `/fapi/v1/klines`. @default every path */
  path: z.string().startsWith('/').optional(),
  symbol: z.string().optional(),
  method: z.enum(['GET', 'POST', 'PUT', 'DELETE']).optional(),
  /** After this many requests the fault is over. */
  count: z.int().min(1).optional(),
  /** Share of requests that it befalls. */
  probability: z.number().min(0).max(1).optional(),
};

export const MALFORMATIONS = [
  'text_price',
  'short_row',
  'negative_price',
  'high_below_low',
  'off_grid',
  'duplicate',
  'reversed',
  'numbers_as_null',
  'future_bar',
] as const;

export const ODDITIES = [
  'null_quantity',
  'null_price',
  'tiny_price',
  'unknown_status',
  'unknown_type',
  'foreign_asset',
  'foreign_symbol',
  'close_position',
  'null_row',
] as const;
export type Oddity = (typeof ODDITIES)[number];

const MONEY: ReadonlySet<string> = new Set(['/fapi/v1/userTrades', '/fapi/v1/income']);
const UNREADABLE: ReadonlySet<Oddity> = new Set(['null_quantity', 'null_row']);

/**
 * Whether the odd row, in the place of a true one, would be false about money that has moved, as no exchange is: it pays a fee in
 * USDT and says BNB. Beside the true ones it is a row of others, and one that cannot be read is not false.
 */
export const isFalseOfMoney = ({ path, how }: { path: string; how: Oddity }): boolean =>
  MONEY.has(path) && !UNREADABLE.has(how);

const faultSchema = z.discriminatedUnion('kind', [
  /** 429 with Retry-After. */
  z.strictObject({ kind: z.literal('rate_limited'), retryAfterSeconds: z.int().min(0).default(1), ...scope }),
  /** 418 with Retry-After. */
  z.strictObject({ kind: z.literal('banned'), retryAfterSeconds: z.int().min(0).default(120), ...scope }),
  z.strictObject({
    kind: z.literal('server_error'),
    status: z.int().min(500).max(599).default(503),
    ...scope,
  }),
  /** A web page with a status of 4xx: 403 from the firewall, 451 to a location that is not served. */
  z.strictObject({ kind: z.literal('refused'), status: z.int().min(400).max(499).default(403), ...scope }),
  /** A web page with status 200. */
  z.strictObject({ kind: z.literal('html'), ...scope }),
  /** A list of rows of nulls. */
  z.strictObject({ kind: z.literal('nulls'), ...scope }),
  z.strictObject({ kind: z.literal('empty'), ...scope }),
  /** The request is taken and never answered. */
  z.strictObject({ kind: z.literal('timeout'), ...scope }),
  /** Headers and half of the body, then nothing more. */
  z.strictObject({ kind: z.literal('stall'), ...scope }),
  /** The connection is torn down without an answer. */
  z.strictObject({ kind: z.literal('reset'), ...scope }),
  /** Half of the JSON, or of the file, as if it were whole. */
  z.strictObject({ kind: z.literal('truncated'), ...scope }),
  /** One byte of a file is another: of a zip, or of its checksum. */
  z.strictObject({ kind: z.literal('corrupted'), ...scope }),
  /** Candles that are wrong in one row. */
  z.strictObject({ kind: z.literal('malformed'), how: z.enum(MALFORMATIONS), ...scope }),
  /** The request is carried out, and its answer lost on the way. */
  z.strictObject({
    kind: z.literal('accept_then'),
    how: z.enum(['timeout', 'reset', 'server_error']),
    ...scope,
  }),
  /** Refused with one of Binance's numbers. */
  z.strictObject({ kind: z.literal('reject'), code: z.int().max(-1), msg: z.string(), ...scope }),
  /** Of a market order only this share is filled; the rest expires. */
  z.strictObject({
    kind: z.literal('partial_fill'),
    share: z.number().min(0).max(1),
    restBecomes: z.enum(['EXPIRED', 'EXPIRED_IN_MATCH']).default('EXPIRED'),
    ...scope,
  }),
  /** -1008 with 503. Orders that reduce, and cancellations, pass, as the exchange promises; it does not always keep to it. */
  z.strictObject({ kind: z.literal('overloaded'), sparesReductions: z.boolean().default(true), ...scope }),
  /** One row of the answer is one that nobody expects; an object that is no list is such a row itself. */
  z.strictObject({
    kind: z.literal('odd_row'),
    /** Where the row has no such field, the next that fits. @default one that fits, by the seed */
    how: z.enum(ODDITIES).optional(),
    place: z.enum(['replace', 'insert']).default('replace'),
    /** Of this symbol. @default the middle one */
    rowSymbol: z.string().optional(),
    ...scope,
  }),
  /** The answer is that of so many seconds ago; what the request does is done all the same. */
  z.strictObject({ kind: z.literal('late'), seconds: z.number().positive(), ...scope }),
  /** The exchange's clock is off by this much, for everything it does. */
  z.strictObject({ kind: z.literal('clock_skew'), ms: z.int() }),
]);
export type Fault = z.infer<typeof faultSchema>;
export type FaultRequest = z.input<typeof faultSchema>;
export type AnswerFault = Exclude<Fault, { kind: 'clock_skew' }>;

export interface FaultControl {
  /** Throws for a fault that is none. Of several that fit a request, the one injected first befalls it. */
  inject(fault: FaultRequest): void;
  clear(): void;
  /** How many requests each kind has befallen since the start. */
  counts(): Readonly<Record<string, number>>;
}

/** A request, as far as it decides whether a fault befalls it. */
interface FaultedRequest {
  readonly path: string;
  readonly method: string;
  readonly symbol: string | null;
  /** Cancels, or closes what is held. */
  readonly reduces: boolean;
}

/** Questions are always answered. */
const isThrottled = (
  { method, reduces }: FaultedRequest,
  { sparesReductions }: Extract<Fault, { kind: 'overloaded' }>,
): boolean => (sparesReductions ? method === 'POST' && !reduces : method !== 'GET');

/** Active faults; `seed` decides which requests a fault with a probability befalls. */
export class ActiveFaults implements FaultControl {
  readonly #seed: number;
  #random: ReturnType<typeof xoroshiro128plus>;
  #faults: { readonly fault: Fault; left: number }[] = [];
  readonly #counts = new Map<string, number>();

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = xoroshiro128plus(seed);
  }

  inject(request: FaultRequest): void {
    const fault = faultSchema.parse(request);
    const left = fault.kind === 'clock_skew' ? undefined : fault.count;
    this.#faults.push({ fault, left: left ?? Number.POSITIVE_INFINITY });
  }

  clear(): void {
    this.#faults = [];
    this.#random = xoroshiro128plus(this.#seed);
  }

  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort());
  }

  list(): readonly Fault[] {
    return this.#faults.map(({ fault }) => fault);
  }

  clockSkewMs(): number {
    return this.#faults.reduce((sum, { fault }) => sum + (fault.kind === 'clock_skew' ? fault.ms : 0), 0);
  }

  /** The fault that befalls this request, if any; it is used up by asking. */
  take(request: FaultedRequest): AnswerFault | undefined {
    for (const entry of this.#faults) {
      const { fault } = entry;
      if (fault.kind === 'clock_skew') continue;
      if (fault.path !== undefined && !request.path.startsWith(fault.path)) continue;
      if (fault.method !== undefined && fault.method !== request.method) continue;
      if (fault.symbol !== undefined && fault.symbol !== request.symbol) continue;
      if (fault.kind === 'overloaded' && !isThrottled(request, fault)) continue;
      if (fault.probability !== undefined && this.uniform() >= fault.probability) continue;
      entry.left--;
      this.#counts.set(fault.kind, (this.#counts.get(fault.kind) ?? 0) + 1);
      if (entry.left <= 0) this.#faults = this.#faults.filter((other) => other !== entry);
      return fault;
    }
    return undefined;
  }

  /** In [0, 1), by the seed. */
  uniform(): number {
    return (this.#random.next() >>> 0) / 0x1_0000_0000;
  }
}
