// What others do to the account, the contracts and the keys while a product runs: a person in the app, the exchange itself. For
// tests, in-process (`exchange.external`) and over HTTP (POST `/__external/<act>` with the same arguments as JSON).
import { z } from 'zod';
import { E8, INCOME_TYPES } from './account/funds.ts';
import type { MatchingAccount } from './account/matching-account.ts';
import type { Order, Stop } from './account/orders.ts';
import { CONTRACT_STATUSES, type Contracts } from './contracts.ts';
import type { MarkPrices } from './mark-prices.ts';
import type { MarketChanges } from './market-changes.ts';
import type { RequestWeights } from './request-weights.ts';
import type { ExchangeReply } from './route.ts';
import type { AccountKeys } from './signed-request.ts';

export interface ExternalContext {
  readonly nowMs: () => number;
  readonly contracts: Contracts;
  readonly marks: MarkPrices;
  readonly changes: MarketChanges;
  /** By the first segment of the path. */
  readonly weights: ReadonlyMap<string, RequestWeights>;
  readonly account: MatchingAccount | undefined;
  readonly replaceKeys: (keys: AccountKeys) => void;
}

/** An act that the exchange refuses, or that makes no sense as things stand. */
export class ExternalActError extends Error {}

const symbol = z.string();
const side = z.enum(['BUY', 'SELL']);
const quantity = z.number().positive();
const size = z.number().positive().optional();
/** How long an order of the exchange is open, with a status of its own, before it trades. */
const restMs = z.int().min(0).default(0);

const SCHEMAS = {
  /** A market order set by hand. */
  marketOrder: z.strictObject({
    ...{ symbol, side, quantity, reduceOnly: z.boolean().default(false) },
    /** In hedge mode, LONG or SHORT. */
    positionSide: z.enum(['BOTH', 'LONG', 'SHORT']).default('BOTH'),
  }),
  /** A limit order set by hand; `filledShare` of it trades at once. */
  limitOrder: z.strictObject({
    ...{ symbol, side, quantity, price: z.number().positive() },
    reduceOnly: z.boolean().default(false),
    filledShare: z.number().min(0).max(1).default(0),
  }),
  /** A stop set in the app, for the whole position. */
  closePositionStop: z.strictObject({
    ...{ symbol, triggerPrice: z.number().positive() },
    workingType: z.enum(['CONTRACT_PRICE', 'MARK_PRICE']).default('MARK_PRICE'),
  }),
  /** All orders and stops of a symbol, by hand. */
  cancelOrders: z.strictObject({ symbol }),
  /** The whole position, at a price that is `lossBps` worse than the mark, with a fee to the insurance fund. */
  liquidate: z.strictObject({
    ...{ symbol, restMs, lossBps: z.number().min(0).default(100) },
    clearanceShare: z.number().min(0).max(1).default(0.0125),
  }),
  /** Of a profitable position, for somebody else's bankruptcy. */
  deleverage: z.strictObject({ symbol, restMs, share: z.number().positive().max(1).default(1) }),
  /** The contract ends: its position is closed at the mark price. */
  settle: z.strictObject({ symbol, restMs }),
  /** Into the account, or out of it when below zero. */
  transfer: z.strictObject({ asset: z.string().default('USDT'), amount: z.number() }),
  /** Any other movement of the wallet: rebates, bonuses, conversions. */
  income: z.strictObject({
    incomeType: z.enum(INCOME_TYPES).default('COMMISSION_REBATE'),
    asset: z.string().default('USDT'),
    amount: z.number(),
    symbol: z.string().default(''),
  }),
  changeFilters: z.strictObject({
    ...{ symbol, tickSize: size, stepSize: size, minNotional: size, stopOrdersMax: size },
    ...{ minQty: size, maxQty: size, marketMinQty: size, marketMaxQty: size },
  }),
  changeContract: z.strictObject({
    symbol,
    status: z.enum(CONTRACT_STATUSES).optional(),
    deliveryDateMs: z.int().optional(),
    contractType: z.string().optional(),
    underlyingType: z.string().optional(),
    maxNotional: size,
  }),
  /** Another scale of the price from the bar being formed on: tick, step, positions and bars follow; open orders end. */
  redenominate: z.strictObject({ symbol, factor: z.number().positive() }),
  /** Tears the mark price away from the last price; null lets it go. */
  changeMark: z.strictObject({ symbol, offsetBps: z.number().nullable() }),
  changeModes: z.strictObject({
    dualSidePosition: z.boolean().optional(),
    multiAssetsMargin: z.boolean().optional(),
    feeBurn: z.boolean().optional(),
  }),
  /** As a person does in the app. */
  changeSymbol: z.strictObject({
    symbol,
    leverage: z.int().optional(),
    marginType: z.enum(['CROSSED', 'ISOLATED']).optional(),
  }),
  /** From now on the old keys are unknown. */
  rotateKeys: z.strictObject({ apiKey: z.string(), secret: z.string() }),
  /** Of an address, for every client behind it. */
  ban: z.strictObject({
    ...{ seconds: z.int().positive(), address: z.string().default('127.0.0.1') },
    api: z.enum(['fapi', 'api']).default('fapi'),
  }),
} as const;

type Schemas = typeof SCHEMAS;
type ActName = keyof Schemas;
type Acts = { readonly [Name in ActName]: (args: z.output<Schemas[Name]>) => unknown };

/** Each act throws ExternalActError when it cannot be done, and ZodError for arguments that are none. */
export interface ExternalActs {
  marketOrder(args: z.input<Schemas['marketOrder']>): Order;
  limitOrder(args: z.input<Schemas['limitOrder']>): Order;
  closePositionStop(args: z.input<Schemas['closePositionStop']>): Stop;
  cancelOrders(args: z.input<Schemas['cancelOrders']>): void;
  liquidate(args: z.input<Schemas['liquidate']>): Order;
  deleverage(args: z.input<Schemas['deleverage']>): Order;
  settle(args: z.input<Schemas['settle']>): Order | undefined;
  transfer(args: z.input<Schemas['transfer']>): void;
  income(args: z.input<Schemas['income']>): void;
  changeFilters(args: z.input<Schemas['changeFilters']>): void;
  changeContract(args: z.input<Schemas['changeContract']>): void;
  redenominate(args: z.input<Schemas['redenominate']>): void;
  changeMark(args: z.input<Schemas['changeMark']>): void;
  changeModes(args: z.input<Schemas['changeModes']>): void;
  changeSymbol(args: z.input<Schemas['changeSymbol']>): void;
  rotateKeys(args: z.input<Schemas['rotateKeys']>): void;
  ban(args: z.input<Schemas['ban']>): void;
}

export function externalActs(context: ExternalContext): ExternalActs {
  const acts = actsOf(context);
  const checked = Object.keys(SCHEMAS).map((name) => [
    name,
    (args: unknown) => {
      context.account?.settle();
      const act = acts[name as ActName] as (args: unknown) => unknown;
      return act(SCHEMAS[name as ActName].parse(args));
    },
  ]);
  return Object.fromEntries(checked) as ExternalActs;
}

export const isExternalAct = (name: string): name is ActName => Object.hasOwn(SCHEMAS, name);

function actsOf(context: ExternalContext): Acts {
  const { nowMs, contracts, marks, changes, weights } = context;
  const account = (): MatchingAccount => {
    if (context.account === undefined) throw new ExternalActError('the exchange has no account');
    return context.account;
  };
  const change = (of: string, what: Parameters<Contracts['change']>[2]): void => {
    if (!contracts.change(of, nowMs(), what)) throw new ExternalActError(`the market has no ${of}`);
  };
  let ordersByHand = 0;
  const byHand = (from: string): string => `${from}_${String(++ordersByHand).padStart(12, '0')}`;
  return {
    marketOrder: (order) =>
      accepted(account().placeMarketOrder({ ...order, clientOrderId: byHand('web'), fillable: 1 })),
    limitOrder: (order) => accepted(account().placeRestingOrder({ ...order, clientOrderId: byHand('web') })),
    closePositionStop: (stop) => {
      const held = account().positions.quantity(stop.symbol);
      return accepted(
        account().placeStop({
          ...{ ...stop, side: held > 0 ? 'SELL' : 'BUY', quantity: null, reduceOnly: true },
          ...{ timeInForce: 'GTE_GTC', clientOrderId: byHand('ios'), positionSide: 'BOTH' },
        }),
      );
    },
    cancelOrders: (of) => account().cancelAllOf(of.symbol, 'CANCELED'),
    liquidate: (args) => liquidate(account(), args),
    deleverage: (args) => deleverage(account(), args),
    settle: (of) => {
      change(of.symbol, { status: 'SETTLING' });
      return account().settleContract(of.symbol, of.restMs);
    },
    transfer: (moved) => credit(account(), { ...moved, incomeType: 'TRANSFER', symbol: '' }),
    income: (moved) => credit(account(), moved),
    changeFilters: ({ symbol: of, ...filters }) => change(of, defined(filters)),
    changeContract: ({ symbol: of, ...terms }) => change(of, defined(terms)),
    redenominate: ({ symbol: of, factor }) => {
      const before = contracts.of(of);
      if (before === undefined) throw new ExternalActError(`the market has no ${of}`);
      const lots = ['stepSize', 'minQty', 'maxQty', 'marketMinQty', 'marketMaxQty'] as const;
      const scaled = lots.map((lot) => [lot, Number((before[lot] / factor).toPrecision(12))]);
      const tickSize = Number((before.tickSize * factor).toPrecision(12));
      change(of, { ...Object.fromEntries(scaled), tickSize });
      changes.redenominate(of, { factor, atMs: nowMs() });
      context.account?.cancelAllOf(of, 'EXPIRED');
      context.account?.positions.redenominate(of, { factor, atMs: nowMs() });
    },
    changeMark: ({ symbol: of, offsetBps }) => marks.force(of, nowMs(), offsetBps ?? undefined),
    changeModes: (modes) => {
      const { settings } = account();
      settings.modes = { ...settings.modes, ...defined(modes) };
    },
    changeSymbol: ({ symbol: of, leverage, marginType }) => {
      const { settings } = account();
      const standing = account().standing(of);
      if (marginType !== undefined && settings.of(of).marginType !== marginType)
        accepted(settings.setMarginType(of, marginType, standing) ?? {});
      if (leverage !== undefined) accepted(settings.setLeverage(of, leverage, standing) ?? {});
    },
    rotateKeys: (keys) => context.replaceKeys(keys),
    ban: ({ seconds, address, api }) => weights.get(api)?.ban(address, nowMs() + seconds * 1_000),
  };
}

function accepted<T extends object>(placed: T | ExchangeReply): T {
  if (!('body' in placed)) return placed;
  throw new ExternalActError(`refused: ${JSON.stringify(placed.body)}`);
}

const defined = <T extends object>(values: T): { [Key in keyof T]?: NonNullable<T[Key]> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;

function credit(
  account: MatchingAccount,
  moved: { incomeType: (typeof INCOME_TYPES)[number]; asset: string; amount: number; symbol: string },
): void {
  const { amount, ...row } = moved;
  const amountE8 = Math.round(amount * E8);
  account.funds.credit({ ...row, amountE8, atMs: account.market.nowMs(), tradeId: '' });
}

/** What is held, and the order that would close it. */
function closing(account: MatchingAccount, of: string) {
  const held = account.positions.quantity(of);
  if (held === 0) throw new ExternalActError(`no position in ${of}`);
  return { symbol: of, side: held > 0 ? ('SELL' as const) : ('BUY' as const), quantity: Math.abs(held) };
}

function liquidate(account: MatchingAccount, args: z.output<Schemas['liquidate']>): Order {
  const { lossBps, clearanceShare, restMs: rests } = args;
  const order = closing(account, args.symbol);
  const price = account.markPrice(args.symbol) * (1 + ((order.side === 'SELL' ? -1 : 1) * lossBps) / 10_000);
  const clientOrderId = `autoclose-${account.market.nowMs()}000001`;
  const forced = { ...order, price, clientOrderId, autoClose: 'LIQUIDATION' as const };
  const placed = account.force(
    { ...forced, feeBps: account.takerFeeBps, clearanceShare },
    { restMs: rests, clears: true },
  );
  return placed;
}

function deleverage(account: MatchingAccount, args: z.output<Schemas['deleverage']>): Order {
  const { share, restMs: rests } = args;
  const order = closing(account, args.symbol);
  const reduced = account.portionOf(args.symbol, order.quantity * share);
  const price = account.markPrice(args.symbol);
  const forced = { ...order, quantity: reduced, price, clientOrderId: 'adl_autoclose', feeBps: 0 };
  return account.force({ ...forced, autoClose: 'ADL' }, { restMs: rests });
}
