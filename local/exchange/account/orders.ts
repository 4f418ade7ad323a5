// The orders of an account, and its conditional ones: what they are, and how they are found.
import { DAY_MS } from '../../../lib/core/units.ts';
import { type AsOf, History } from './history.ts';
import type { PositionSide, Side } from './positions.ts';

const OPEN_ORDER: ReadonlySet<string> = new Set(['NEW', 'PARTIALLY_FILLED', 'NEW_ADL', 'NEW_INSURANCE']);
/** Of conditional orders: until the order that it became is done. */
const OPEN_STOP: ReadonlySet<string> = new Set(['NEW', 'TRIGGERING', 'TRIGGERED']);
const FORGOTTEN_AFTER_MS = 3 * DAY_MS;

export interface Order {
  readonly orderId: number;
  readonly clientOrderId: string;
  readonly symbol: string;
  readonly side: Side;
  readonly positionSide: PositionSide;
  readonly type: 'MARKET' | 'LIMIT';
  readonly timeInForce: 'GTC' | 'IOC';
  readonly status:
    | 'NEW'
    | 'PARTIALLY_FILLED'
    | 'FILLED'
    | 'CANCELED'
    | 'EXPIRED'
    | 'EXPIRED_IN_MATCH'
    | 'NEW_ADL'
    | 'NEW_INSURANCE';
  /** Its limit; 0 for a market order. */
  readonly price: number;
  readonly quantity: number;
  readonly executedQuantity: number;
  /** Sum of price × quantity over its trades. */
  readonly quote: number;
  readonly reduceOnly: boolean;
  /** Why the exchange sent it; undefined for an order of the account's owner. */
  readonly autoClose: 'LIQUIDATION' | 'ADL' | 'SETTLEMENT' | undefined;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface Stop {
  readonly algoId: number;
  readonly clientOrderId: string;
  readonly symbol: string;
  readonly side: Side;
  readonly positionSide: PositionSide;
  /** null closes the position, whatever it is by then. */
  readonly quantity: number | null;
  /** GTE_GTC ends with the position. */
  readonly timeInForce: 'GTC' | 'GTE_GTC';
  readonly reduceOnly: boolean;
  readonly triggerPrice: number;
  readonly workingType: 'CONTRACT_PRICE' | 'MARK_PRICE';
  readonly status: 'NEW' | 'TRIGGERING' | 'TRIGGERED' | 'FINISHED' | 'REJECTED' | 'EXPIRED' | 'CANCELED';
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly triggeredAtMs: number | undefined;
  /** Price at which it triggered; it fills there, or worse. */
  readonly reference: number | undefined;
  /** When it takes its next step. */
  readonly stepAtMs: number | undefined;
  /** The order that it became. */
  readonly actualOrderId: number | undefined;
}

interface Sought {
  /** @default any */
  readonly symbol?: string | null;
  readonly id: string | null;
  readonly clientId: string | null;
  readonly nowMs: number;
  readonly asOf?: AsOf;
}

interface Entry {
  readonly symbol: string;
  readonly clientOrderId: string;
  readonly status: string;
  readonly executedQuantity?: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** Orders of one kind, with their pasts. */
class Registry<T extends Entry> {
  readonly #history = new History<number, T>();
  readonly #open = new Map<string, Map<number, T>>();
  readonly #byClientId = new Map<string, number[]>();
  /** Those that are open no more, by the time at which they ended. */
  readonly #ended: { readonly id: number; readonly atMs: number }[] = [];
  readonly #idOf: (entry: T) => number;
  readonly #openStatuses: ReadonlySet<string>;

  constructor(idOf: (entry: T) => number, openStatuses: ReadonlySet<string>) {
    this.#idOf = idOf;
    this.#openStatuses = openStatuses;
  }

  keep(entry: T): T {
    const id = this.#idOf(entry);
    const open = this.#open.get(entry.symbol) ?? new Map<number, T>();
    if (this.#openStatuses.has(entry.status)) open.set(id, entry);
    else if (open.delete(id) || this.get(id) === undefined) this.#end(id, entry.updatedAtMs);
    this.#open.set(entry.symbol, open);
    const named = this.#byClientId.get(entry.clientOrderId) ?? [];
    if (!named.includes(id)) this.#byClientId.set(entry.clientOrderId, [...named, id]);
    return this.#history.keep(id, entry.updatedAtMs, entry);
  }

  get(id: number): T | undefined {
    return this.#history.get(id);
  }

  all(asOf?: AsOf): T[] {
    return this.#history.values(asOf);
  }

  open(symbol?: string, asOf?: AsOf): T[] {
    if (asOf !== undefined) {
      const since = this.#ended.findLastIndex(({ atMs }) => atMs <= asOf) + 1;
      const ids = [...this.#open.values()].flatMap((open) => [...open.keys()]);
      return [...ids, ...this.#ended.slice(since).map(({ id }) => id)]
        .toSorted((a, b) => a - b)
        .map((id) => this.#history.get(id, asOf))
        .filter((entry) => entry !== undefined)
        .filter((entry) => this.#openStatuses.has(entry.status))
        .filter((entry) => (symbol ?? entry.symbol) === entry.symbol);
    }
    if (symbol !== undefined) return [...(this.#open.get(symbol)?.values() ?? [])];
    return [...this.#open.values()].flatMap((open) => [...open.values()]);
  }

  /** Symbols catch up with the clock one after the other, so that one may have ended before the last one did. */
  #end(id: number, atMs: number): void {
    const index = this.#ended.findLastIndex((ended) => ended.atMs <= atMs) + 1;
    this.#ended.splice(index, 0, { id, atMs });
  }

  /** By the exchange's id or else the client's; of several under one client id the newest. */
  find({ symbol, id, clientId, nowMs, asOf }: Sought): T | undefined {
    const ids = id === null ? (this.#byClientId.get(clientId ?? '') ?? []) : [Number(id)];
    return ids
      .map((known) => this.#history.get(known, asOf))
      .filter((entry) => entry !== undefined)
      .findLast((entry) => (symbol === undefined || entry.symbol === symbol) && !isForgotten(entry, nowMs));
  }
}

export class Orders extends Registry<Order> {
  constructor() {
    super(({ orderId }) => orderId, OPEN_ORDER);
  }
}

export class Stops extends Registry<Stop> {
  constructor() {
    super(({ algoId }) => algoId, OPEN_STOP);
  }
}

/** Orders that ended without a trade can be asked for during three days. */
const isForgotten = ({ status, executedQuantity = 0, createdAtMs }: Entry, nowMs: number): boolean =>
  (status === 'CANCELED' || status === 'EXPIRED') &&
  executedQuantity === 0 &&
  nowMs - createdAtMs > FORGOTTEN_AFTER_MS;
