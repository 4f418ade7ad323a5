// The gate: one item per scope, one conditional write per authorisation. A trip and an authorisation cannot interleave, a
// duplicate event cannot order twice, and a dead breaker stops new exposure, because all of it is one write of one item.
// The approval that brokers demand is made here and nowhere else.

import * as z from 'zod';
import { invariant } from '../core/invariant.ts';
import { failure, type Result, success } from '../core/result.ts';
import { HOUR_MS } from '../core/units.ts';
import { type BreakerState, breakerStateSchema } from './breaker/state.ts';
import type { Mode } from './effective-mode.ts';
import { applyChanges, firstDenial, type ItemPath, type ItemPlan } from './item-plan.ts';
import { leaseBounds } from './latch.ts';
import { isStorableName } from './storable.ts';

export type Scope = 'paper' | 'live';

const mapName = z.string().refine(isStorableName, 'cannot be stored');

/** `risk/<scope>/gate`. Money in integer micro-USDT, so that sums are exact on both sides of the wire. */
export const gateItemSchema = z.object({
  latch: z.enum(['ARMED', 'TRIPPED']),
  /** Grows with every trip and every reset; a decision made under an older one is void. */
  epoch: z.int().min(0),
  leaseUntilMs: z.int(),
  /** Of the breaker that gave the lease; absent before its first. */
  leaseCodeVersion: z.string().optional(),
  /** Sum over `reserved`. */
  exposureMicroUsdt: z.int().min(0),
  /** The same sum, by side … */
  sideMicroUsdt: z.strictObject({ BUY: z.int().min(0), SELL: z.int().min(0) }),
  /** … and of side × notional × beta to Bitcoin: above zero the book rises with Bitcoin. */
  netBetaMicroUsdt: z.int(),
  /** Number of entries in `reserved`. */
  positionCount: z.int().min(0),
  /** Client order ids authorised in the last 24 h: none of them is ever authorised again. */
  authorised: z.record(mapName, z.strictObject({ atMs: z.int() })),
  /** By symbol: what an entry holds of the limits until its position is closed. One entry per symbol. */
  reserved: z.record(
    mapName,
    z.strictObject({
      clientOrderId: z.string(),
      side: z.enum(['BUY', 'SELL']),
      notionalMicroUsdt: z.int().positive(),
      betaMicroUsdt: z.int(),
    }),
  ),
  /** The breaker's own state; latch and epoch above mirror it, written with it. */
  breaker: breakerStateSchema,
});
export type GateItem = Readonly<z.infer<typeof gateItemSchema>>;

/** One conditional write of a gate item. */
export type GatePlan<Denial> = ItemPlan<ItemPath<GateItem>, Denial>;

/** Closed list of why the gate refuses. */
export const GATE_DENIALS = {
  request_invalid: 'the order or its limits are not well formed',
  mode_mismatch: 'the effective mode is not the one that this scope trades in',
  flags_stale: 'the flags were read more than 1 s ago',
  gate_missing: 'there is no gate item',
  latch_tripped: 'the circuit breaker has tripped',
  epoch_changed: 'the circuit breaker has tripped or been reset since the decision was made',
  lease_not_active: 'the circuit breaker has shown no sign of life for 150 s',
  version_mismatch: 'infer, the position manager or the circuit breaker runs another version of the code',
  duplicate: 'this client order id was authorised before',
  symbol_reserved: 'the symbol has an open position or an order that will make one',
  exposure_limit: 'total exposure would be over its limit',
  side_limit: 'exposure on one side would be over its share of the allocated equity',
  beta_limit: "the book's net beta to Bitcoin would be over its share of the allocated equity",
  position_limit: 'the number of positions would be over its limit',
  ids_full: 'more orders were authorised in 24 h than the gate remembers',
} as const;
export type GateDenial = keyof typeof GATE_DENIALS;

/** An order that adds exposure, as far as the gate needs to know it. */
export interface ExposureOrder {
  readonly scope: Scope;
  readonly clientOrderId: string;
  readonly symbol: string;
  readonly side: 'BUY' | 'SELL';
  readonly notionalMicroUsdt: number;
  /** Side × notional × the symbol's beta to Bitcoin. */
  readonly betaMicroUsdt: number;
}

/** The largest that the sums over all reservations may become. */
export interface BookLimits {
  readonly exposureMicroUsdt: number;
  /** Of the larger side. */
  readonly sideMicroUsdt: number;
  /** In either direction. */
  readonly netBetaMicroUsdt: number;
  readonly positions: number;
}

export interface AuthorisationContext {
  readonly mode: Mode;
  /** When the flags behind `mode` were read. */
  readonly flagsReadAtMs: number;
  /** Epoch of the gate item that the decision was made on. */
  readonly epoch: number;
  /** Of the function that asks. */
  readonly codeVersion: string;
  readonly limits: BookLimits;
  /** Ids to forget with the same write, from `prunableIds`. */
  readonly forget: readonly string[];
  readonly nowMs: number;
}

const FLAGS_AGE_MS_MAX = 1_000;
export const ID_MEMORY_MS = 24 * HOUR_MS;
/** 2,000 ids take about 150 KB of DynamoDB's 400 KB. */
export const IDS_MAX = 2_000;
/** Keeps one update expression well under 4 KB; the rest goes with the next write. */
export const FORGET_MAX = 50;

/** Longest a client order id may be on the exchange. */
const CLIENT_ORDER_ID = /^[A-Za-z0-9_-]{1,36}$/;

/** The gate of a scope that has never traded; armed, but closed until the breaker's first sign of life. */
export function newGate(breaker: BreakerState): GateItem {
  return {
    latch: breaker.latch,
    epoch: breaker.epoch,
    leaseUntilMs: 0,
    exposureMicroUsdt: 0,
    sideMicroUsdt: { BUY: 0, SELL: 0 },
    netBetaMicroUsdt: 0,
    positionCount: 0,
    authorised: {},
    reserved: {},
    breaker,
  };
}

/** Oldest ids that need no longer be remembered: their signals are long stale. At most 50. */
export function prunableIds(gate: GateItem, nowMs: number): readonly string[] {
  return Object.entries(gate.authorised)
    .filter(([, { atMs }]) => atMs <= nowMs - ID_MEMORY_MS)
    .sort(([, a], [, b]) => a.atMs - b.atMs)
    .slice(0, FORGET_MAX)
    .map(([id]) => id);
}

function contextDenial(order: ExposureOrder, context: AuthorisationContext): GateDenial | undefined {
  const { limits, nowMs } = context;
  const wellFormed =
    CLIENT_ORDER_ID.test(order.clientOrderId) &&
    isStorableName(order.symbol) &&
    Number.isSafeInteger(order.notionalMicroUsdt) &&
    order.notionalMicroUsdt > 0 &&
    (order.side === 'BUY' || order.side === 'SELL') &&
    Number.isSafeInteger(order.betaMicroUsdt) &&
    Object.values(limits).every(Number.isSafeInteger) &&
    Number.isSafeInteger(context.epoch) &&
    Number.isSafeInteger(nowMs) &&
    context.forget.length <= FORGET_MAX;
  if (!wellFormed) return 'request_invalid';
  if (context.mode !== (order.scope === 'live' ? 'LIVE' : 'PAPER')) return 'mode_mismatch';
  const flagsAgeMs = nowMs - context.flagsReadAtMs;
  if (!(flagsAgeMs >= 0 && flagsAgeMs <= FLAGS_AGE_MS_MAX)) return 'flags_stale';
  // Also keeps the upper bounds of the conditions below from falling under the lower ones.
  if (order.notionalMicroUsdt > limits.exposureMicroUsdt) return 'exposure_limit';
  if (order.notionalMicroUsdt > limits.sideMicroUsdt) return 'side_limit';
  return limits.positions < 1 ? 'position_limit' : undefined;
}

/**
 * What the net beta may be before an order, so that the order does not take it over its limit. An order that brings the book closer
 * to none is let through wherever the book stands: of the two bounds only the one that the order moves towards counts.
 */
function netBetaRoom(betaMicroUsdt: number, limitMicroUsdt: number): readonly [number, number] {
  const { MAX_SAFE_INTEGER, MIN_SAFE_INTEGER } = Number;
  if (betaMicroUsdt > 0) return [MIN_SAFE_INTEGER, limitMicroUsdt - betaMicroUsdt];
  return betaMicroUsdt < 0
    ? [-limitMicroUsdt - betaMicroUsdt, MAX_SAFE_INTEGER]
    : [MIN_SAFE_INTEGER, MAX_SAFE_INTEGER];
}

/** The conditional write that authorises an order, or the denial that needs no look at the item. */
export function planAuthorisation(
  order: ExposureOrder,
  context: AuthorisationContext,
): Result<GatePlan<GateDenial>, GateDenial> {
  const denial = contextDenial(order, context);
  if (denial !== undefined) return failure(denial);
  const { clientOrderId, symbol, side, notionalMicroUsdt, betaMicroUsdt } = order;
  const { limits, nowMs } = context;
  const { earliestMs, latestMs } = leaseBounds(nowMs);
  return success({
    conditions: [
      { path: ['latch'], equals: 'ARMED', denial: 'latch_tripped' },
      // Who may write the latch alone, in an emergency, can close it and not open it.
      { path: ['breaker', 'latch'], equals: 'ARMED', denial: 'latch_tripped' },
      { path: ['epoch'], equals: context.epoch, denial: 'epoch_changed' },
      { path: ['leaseUntilMs'], between: [earliestMs, latestMs], denial: 'lease_not_active' },
      { path: ['leaseCodeVersion'], equals: context.codeVersion, denial: 'version_mismatch' },
      { path: ['authorised', clientOrderId], absent: true, denial: 'duplicate' },
      { path: ['reserved', symbol], absent: true, denial: 'symbol_reserved' },
      {
        path: ['exposureMicroUsdt'],
        between: [0, limits.exposureMicroUsdt - notionalMicroUsdt],
        denial: 'exposure_limit',
      },
      {
        path: ['sideMicroUsdt', side],
        between: [0, limits.sideMicroUsdt - notionalMicroUsdt],
        denial: 'side_limit',
      },
      {
        path: ['netBetaMicroUsdt'],
        between: netBetaRoom(betaMicroUsdt, limits.netBetaMicroUsdt),
        denial: 'beta_limit',
      },
      { path: ['positionCount'], between: [0, limits.positions - 1], denial: 'position_limit' },
      { path: ['authorised'], sizeBelow: IDS_MAX, denial: 'ids_full' },
    ],
    changes: [
      { path: ['exposureMicroUsdt'], add: notionalMicroUsdt },
      { path: ['sideMicroUsdt', side], add: notionalMicroUsdt },
      { path: ['netBetaMicroUsdt'], add: betaMicroUsdt },
      { path: ['positionCount'], add: 1 },
      { path: ['authorised', clientOrderId], set: { atMs: nowMs } },
      { path: ['reserved', symbol], set: { clientOrderId, side, notionalMicroUsdt, betaMicroUsdt } },
      // An id both new and to be forgotten would be two changes of one path; the condition denies it as a duplicate.
      ...context.forget
        .filter((id) => id !== clientOrderId)
        .map((id) => ({ path: ['authorised', id] as const, remove: true as const })),
    ],
  });
}

/**
 * The write that gives back what an entry holds, once its position is closed or its order is known never to fill. Given a
 * second time it is denied (`not_reserved`), so exposure cannot be released twice. The id stays authorised.
 */
export function planRelease(order: Omit<ExposureOrder, 'scope'>): GatePlan<'not_reserved'> {
  const { clientOrderId, symbol, side, notionalMicroUsdt, betaMicroUsdt } = order;
  const held = { clientOrderId, side, notionalMicroUsdt, betaMicroUsdt };
  return {
    conditions: (Object.keys(held) as (keyof typeof held)[]).map((name) => ({
      path: ['reserved', symbol, name],
      equals: held[name],
      denial: 'not_reserved',
    })),
    changes: [
      { path: ['exposureMicroUsdt'], add: -notionalMicroUsdt },
      { path: ['sideMicroUsdt', side], add: -notionalMicroUsdt },
      { path: ['netBetaMicroUsdt'], add: -betaMicroUsdt },
      { path: ['positionCount'], add: -1 },
      { path: ['reserved', symbol], remove: true },
    ],
  };
}

/** The write that follows a breaker transition; denied when someone else wrote since: read again and decide again. */
export function planBreakerWrite(change: {
  readonly previous: BreakerState;
  readonly current: BreakerState;
  /** undefined leaves the lease alone: only the breaker's own tick renews it. */
  readonly lease: { readonly untilMs: number; readonly codeVersion: string } | undefined;
}): GatePlan<'breaker_moved'> {
  const { previous, current, lease } = change;
  return {
    conditions: [
      { path: ['breaker', 'revision'], equals: previous.revision, denial: 'breaker_moved' },
      { path: ['epoch'], equals: previous.epoch, denial: 'breaker_moved' },
      // Whoever has closed the latch alone since, in an emergency, has changed nothing else: it must not be opened again.
      ...(current.latch === 'ARMED'
        ? [{ path: ['latch'] as const, equals: previous.latch, denial: 'breaker_moved' as const }]
        : []),
    ],
    changes: [
      { path: ['latch'], set: current.latch },
      { path: ['epoch'], set: current.epoch },
      { path: ['breaker'], set: current },
      ...(lease === undefined
        ? []
        : [
            { path: ['leaseUntilMs'] as const, set: lease.untilMs },
            { path: ['leaseCodeVersion'] as const, set: lease.codeVersion },
          ]),
    ],
  };
}

/** The plan carried out on an item in memory: the twin of the conditional write. */
export function commitToItem<Denial>(
  gate: GateItem | undefined,
  plan: GatePlan<Denial>,
): Result<GateItem, Denial | 'gate_missing'> {
  if (gate === undefined) return failure('gate_missing');
  const denial = firstDenial(gate, plan);
  return denial === undefined ? success(applyChanges(gate, plan)) : failure(denial);
}

let approve: <Order extends object>(order: Order) => RiskApproved<Order>;

/**
 * An order that the gate has let through. Brokers accept nothing else. The constructor is out of reach of other modules, and
 * a copy is not an approval: what was authorised cannot be altered on its way.
 */
export class RiskApproved<Order extends object> {
  static {
    approve = (order) => new RiskApproved(order);
  }
  readonly #approved = true;
  readonly order: Readonly<Order>;

  private constructor(order: Order) {
    this.order = Object.freeze({ ...order });
    Object.freeze(this);
  }

  /** For a broker's door, where types do not reach: throws unless the gate made this very object. */
  static verify(value: RiskApproved<object>): void {
    invariant(
      typeof value === 'object' && value !== null && #approved in value && value.#approved,
      'the order did not come through the gate',
    );
  }
}

/**
 * Authorises an order that adds exposure: one conditional write, and only if it was made an approval.
 * @param commit carries out the plan on `risk/<scope>/gate`: success when written, else the first denial. When it throws,
 * nothing is approved; had the write arrived nevertheless, the id is spent and the reservation is left for reconciliation.
 */
export async function authorise<Order extends ExposureOrder>(
  order: Order,
  context: AuthorisationContext,
  commit: (scope: Scope, plan: GatePlan<GateDenial>) => Promise<Result<unknown, GateDenial>>,
): Promise<Result<RiskApproved<Order>, GateDenial>> {
  // Copied first: what is approved is what was planned, whatever happens to the original while the write is under way.
  const planned = { ...order };
  const plan = planAuthorisation(planned, context);
  if (!plan.ok) return plan;
  const written = await commit(planned.scope, plan.value);
  return written.ok ? success(approve(planned)) : written;
}

/** Approves an order that can only reduce exposure: exits and stops stay possible whatever the gate says. */
export function approveReduction<Order extends { readonly reduceOnly: true }>(
  order: Order,
): RiskApproved<Order> {
  invariant(order.reduceOnly === true, 'only a reduce-only order goes past the gate');
  return approve(order);
}
