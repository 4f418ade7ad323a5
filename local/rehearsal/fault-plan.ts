// Which faults befall which run of a rehearsal: drawn by a seed, so that a day can be repeated. Single faults come at any time;
// now and then a whole route is out for a minute or two. Of three runs of the position manager in a row one is spared: the
// circuit breaker rightly trips when none is complete for 150 s.
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { MINUTE_MS } from '../../lib/core/units.ts';
import { type FaultRequest, isFalseOfMoney, ODDITIES } from '../exchange/faults.ts';
import type { Job } from '../run/schedule.ts';

/** In [0, 1), by the seed. */
export type Draw = () => number;

export function seededDraw(seed: number): Draw {
  const generator = xoroshiro128plus(seed);
  return () => (generator.next() >>> 0) / 0x1_0000_0000;
}

export const oneOf = <T>(draw: Draw, choices: readonly T[]): T =>
  choices[Math.floor(draw() * choices.length)]!;

type Route = { readonly method: 'GET' | 'POST' | 'DELETE'; readonly path: string };
const read = (path: string): Route => ({ method: 'GET', path });

const ACCOUNT_ROUTES = [
  read('/fapi/v1/openOrders'),
  read('/fapi/v1/openAlgoOrders'),
  read('/fapi/v3/positionRisk'),
  read('/fapi/v3/balance'),
  read('/fapi/v1/userTrades'),
  read('/fapi/v1/income'),
  read('/fapi/v1/order'),
  read('/fapi/v1/algoOrder'),
] as const;
/** However late it comes, it is never that of before the question. */
const TIME = '/fapi/v1/time';
const MARKET_ROUTES = [
  read('/fapi/v1/klines'),
  read('/fapi/v1/exchangeInfo'),
  read('/fapi/v1/ticker/price'),
  read(TIME),
] as const;
const ORDER_ROUTES: readonly Route[] = [
  { method: 'POST', path: '/fapi/v1/order' },
  { method: 'POST', path: '/fapi/v1/algoOrder' },
];

const OUTAGE_EVERY_MS = 12 * MINUTE_MS;
const OUTAGE_MS_MAX = 2 * MINUTE_MS;
/** Fewer than three within a quarter of an hour: three trip the circuit breaker, and are meant to. */
const REFUSAL_EVERY_MS = 12 * MINUTE_MS;
const REFUSALS = [
  { code: -2019, msg: 'Margin is insufficient.' },
  { code: -4131, msg: "The counterparty's best price does not meet the PERCENT_PRICE filter limit." },
] as const;

/** As an order's record tells the refusals above. */
export const isPlannedRefusal = (note: string): boolean =>
  REFUSALS.some(({ code }) => note.includes(`refused: ${code} `));

interface Outage {
  readonly routes: readonly Route[];
  readonly fromMs: number;
  readonly untilMs: number;
}

export class FaultPlan {
  readonly #draw: Draw;
  #outage: Outage;
  #refusalDueMs: number;

  constructor(seed: number, startMs: number) {
    this.#draw = seededDraw(seed);
    this.#outage = this.#outageAfter(startMs);
    this.#refusalDueMs = startMs;
  }

  /** The route for orders is out. */
  isOrderRouteOut(nowMs: number): boolean {
    const { routes, fromMs, untilMs } = this.#outage;
    return routes === ORDER_ROUTES && nowMs >= fromMs && nowMs < untilMs;
  }

  faultsOf(job: Job, nowMs: number): FaultRequest[] {
    while (nowMs >= this.#outage.untilMs) this.#outage = this.#outageAfter(this.#outage.untilMs);
    const minute = Math.floor(nowMs / MINUTE_MS);
    if (job === 'manage-positions' && minute % 3 === 0) return this.#ordersOut(nowMs);
    return [...this.#outages(nowMs), ...this.#singles(job, nowMs)];
  }

  #outageAfter(timeMs: number): Outage {
    const fromMs = timeMs + OUTAGE_EVERY_MS * (0.5 + this.#draw());
    const routes =
      this.#draw() < 0.25 ? ORDER_ROUTES : [oneOf(this.#draw, [...ACCOUNT_ROUTES, ...MARKET_ROUTES])];
    return { routes, fromMs, untilMs: fromMs + OUTAGE_MS_MAX * (0.5 + this.#draw() / 2) };
  }

  #outages(nowMs: number): FaultRequest[] {
    const { routes, fromMs, untilMs } = this.#outage;
    if (nowMs < fromMs || nowMs >= untilMs) return [];
    return routes.map((route) => ({ kind: 'server_error', ...route }));
  }

  #ordersOut = (nowMs: number): FaultRequest[] => (this.isOrderRouteOut(nowMs) ? this.#outages(nowMs) : []);

  #singles(job: Job, nowMs: number): FaultRequest[] {
    const draw = this.#draw;
    const routes = job === 'infer' ? [...MARKET_ROUTES, ...ACCOUNT_ROUTES] : ACCOUNT_ROUTES;
    const faults: FaultRequest[] = [];
    const sometimes = (share: number, fault: () => FaultRequest): void => {
      if (draw() < share) faults.push(fault());
    };
    const route = () => oneOf(draw, routes);
    sometimes(0.3, () => {
      const odd = { kind: 'odd_row', ...route(), how: oneOf(draw, ODDITIES), count: 1 } as const;
      const place = oneOf(draw, ['replace', 'insert'] as const);
      return { ...odd, place: isFalseOfMoney(odd) ? 'insert' : place };
    });
    sometimes(0.25, () => {
      const late = oneOf(
        draw,
        routes.filter(({ path }) => path !== TIME),
      );
      return { kind: 'late', ...late, seconds: 2 + Math.floor(draw() * 20), count: 2 };
    });
    sometimes(0.1, () => ({ kind: 'server_error', ...route(), count: 1 }));
    sometimes(0.1, () => ({ kind: 'reset', ...route(), count: 1 }));
    sometimes(0.05, () => ({ kind: 'html', ...route(), count: 1 }));
    sometimes(0.05, () => ({ kind: 'rate_limited', ...route(), count: 1 }));
    const order = () => oneOf(draw, ORDER_ROUTES);
    sometimes(0.25, () => ({ kind: 'accept_then', how: 'reset', ...order(), count: 1 }));
    sometimes(0.15, () => ({ kind: 'accept_then', how: 'server_error', ...order(), count: 1 }));
    sometimes(0.2, () => ({ kind: 'partial_fill', share: 0.4, ...ORDER_ROUTES[0]!, count: 1 }));
    if (job === 'infer') {
      const refused = oneOf<FaultRequest>(draw, [
        { kind: 'overloaded', sparesReductions: false, count: 1 },
        { kind: 'reject', ...oneOf(draw, REFUSALS), ...ORDER_ROUTES[0]!, count: 1 },
      ]);
      if (nowMs >= this.#refusalDueMs)
        sometimes(0.5, () => {
          this.#refusalDueMs = nowMs + REFUSAL_EVERY_MS;
          return refused;
        });
    }
    return faults;
  }
}
