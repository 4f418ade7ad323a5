// What execution needs from outside: a broker. Answers are read row by row: what cannot be read is named and bounds only itself.
import type { Result } from '../core/result.ts';
import type { SymbolFilters } from '../market/symbol-filters.ts';
import type { RiskApproved, Scope } from '../risk/gate.ts';
import type { Income } from './ledger/income.ts';
import type { LeverageBrackets } from './leverage-brackets.ts';
import type { EntryOrder, HedgeSide, OrderSide, ReduceOrder } from './order.ts';

export type { Income, IncomeKind } from './ledger/income.ts';

/** Closed list of refusals that a caller acts on. */
const REJECTION_CODES = {
  would_trigger: 'the stop would trigger at once', // -2021
  nothing_to_reduce: 'the account holds nothing on that side', // -2022, -4118
  filters: 'price or quantity breaks a filter: read the filters again', // -1111, -4003, -4005, -4014, -4164, …
  position_mode: 'the account is in hedge mode', // -4061
  insufficient_margin: 'the margin does not suffice', // -2019, -2027 (leverage bracket)
  close_stop_exists: 'a close-position stop is there, and the exchange takes no second one', // -4130
  too_many_stops: 'the symbol has as many stops as it may have', // -4045
  not_trading: 'the contract is not trading', // -4108, -4140, …
  overloaded: 'the exchange is overloaded and did not take the order', // -1008, of orders that reduce too
  rate_limited: 'the exchange took nothing: too many requests', // 418, 429, -1003, -1015
  unauthorised: 'the keys are refused', // -2014, -2015
  unsent: 'it never left: not wanted any more, its id not looked up, or no room in a request limit',
  other: 'refused for another reason',
} as const;
export type RejectionCode = keyof typeof REJECTION_CODES;

/** What became of a submitted order, as far as is known. `unknown` is looked up by client order id, never sent again. */
export type Submission =
  /** `report`: the order as the exchange answered it (newOrderRespType=RESULT); undefined when only its acceptance is known. */
  | { readonly outcome: 'acknowledged'; readonly report: OrderReport | undefined }
  | { readonly outcome: 'rejected'; readonly code: RejectionCode; readonly message: string }
  | { readonly outcome: 'unknown'; readonly message: string };

export interface OrderReference {
  readonly symbol: string;
  readonly clientOrderId: string;
  /** Stops live in another list of the exchange than market orders. */
  readonly kind: 'market' | 'stop';
}

/** An order of ours. Fees are no part of it: they come with its fills, later. */
export interface OrderReport extends OrderReference {
  readonly status: 'open' | 'partially_filled' | 'filled' | 'cancelled' | 'rejected';
  /** null for a close-position stop: it closes whatever is held. */
  readonly quantity: number | null;
  /** Cumulative, base asset. */
  readonly filledQuantity: number;
  /** Of what is filled, as the exchange rounds it (book from fills); null before the first fill. */
  readonly averagePrice: number | null;
  readonly filledAtMs: number | null;
  readonly updatedAtMs: number;
}

/** An order that the exchange has open, ours or not. Of what is not ours only symbol, side and id are relied on. */
export interface OpenOrder extends OrderReference {
  readonly side: OrderSide | null;
  /** null: not readable, or a close-position order. */
  readonly quantity: number | null;
  /** Trigger of a stop. */
  readonly stopPrice: number | null;
  /** It cannot add exposure: reduce-only, close-position, or sent by the exchange itself (liquidation, ADL, settlement). */
  readonly reducesOnly: boolean;
  readonly closesPosition: boolean;
}

/** Rows that could be read, and one line for each that could not. */
export interface Listing<Row> {
  readonly rows: readonly Row[];
  readonly problems: readonly ReadProblem[];
}
export interface ReadProblem {
  /** undefined when not even that could be read. */
  readonly symbol: string | undefined;
  readonly message: string;
}

export interface BrokerPosition {
  readonly symbol: string;
  /** Base asset; above zero long, below zero short; never zero. */
  readonly quantity: number;
  /** null when not readable: it is not needed to reduce. */
  readonly entryPrice: number | null;
  readonly markPrice: number | null;
  /** Of an account in hedge mode, where nothing is entered: a person has opened it, and an emergency stop closes it. */
  readonly hedgeSide?: HedgeSide;
}

/** One trade of one of our orders. */
export interface Fill {
  readonly tradeId: string;
  readonly quantity: number;
  readonly price: number;
  /** In the asset's own units, paid above zero; USDT, or another (BNB). */
  readonly fee: { readonly asset: string; readonly amount: number };
  readonly realisedMicroUsdt: number;
  readonly atMs: number;
}

/** Why the exchange itself closes a position. */
export type ForcedClosing = 'liquidated' | 'auto_deleveraged' | 'settled';

/** Closed list of why a broker could not answer or act. */
export interface BrokerError {
  /** `unknown_symbol`: the exchange has no such contract, or has it no longer: it answers so for ever. */
  readonly code:
    | 'unavailable'
    | 'rate_limited'
    | 'unauthorised'
    | 'refused'
    | 'unknown_symbol'
    | 'invalid_response';
  readonly message: string;
  readonly retryable: boolean;
}

/** One account at one exchange, or its simulation. Reads are retried inside, each for a bounded time; submissions never are. */
export interface Broker {
  readonly scope: Scope;
  /** Leverage and margin mode of a symbol, read first; only what differs is set, then verified. */
  prepare(symbol: string): Promise<Result<void, BrokerError>>;
  /**
   * Market entry, market exit, or stop (a reduction with a stop price; quantity null: close-position). Verifies the approval.
   * @param options.stillWanted asked synchronously, immediately before the order leaves and again before it is sent anew after a
   * refusal because of its time; false: it does not leave (`rejected`, `unsent`)
   */
  submit(
    order: RiskApproved<EntryOrder | ReduceOrder>,
    options?: { readonly stillWanted?: () => boolean },
  ): Promise<Submission>;
  /**
   * undefined when the exchange has no such order. An order that this broker sent within the last seconds is asked for again
   * until a lookup cannot lag it any more, and one that is still listed as open exists: the list outranks the lookup.
   */
  find(order: OrderReference): Promise<Result<OrderReport | undefined, BrokerError>>;
  /** Open orders of everybody, without conditional ones. */
  openOrders(): Promise<Result<Listing<OpenOrder>, BrokerError>>;
  /** Open conditional orders of everybody: a list of its own at the exchange. */
  openStops(): Promise<Result<Listing<OpenOrder>, BrokerError>>;
  /** Cancelling what is already gone is success; what is still listed as open is not gone (`unavailable`, retryable). */
  cancel(order: OrderReference): Promise<Result<void, BrokerError>>;
  /** All orders of the symbol, stops included; each list on its own. */
  cancelAll(symbol: string): Promise<Result<void, BrokerError>>;
  positions(): Promise<Result<Listing<BrokerPosition>, BrokerError>>;
  /** USDT wallet balance, without unrealised profit. */
  walletMicroUsdt(): Promise<Result<number, BrokerError>>;
  /** Last prices of these symbols. A symbol without a usable price is left out. */
  prices(symbols: readonly string[]): Promise<Result<ReadonlyMap<string, number>, BrokerError>>;
  /** @param options.fresh read them anew: after a refusal with code `filters` */
  filters(options?: {
    readonly fresh?: boolean;
  }): Promise<Result<ReadonlyMap<string, SymbolFilters>, BrokerError>>;
  /** Leverage brackets of these symbols. A symbol whose table cannot be read is left out. */
  leverageBrackets(symbols: readonly string[]): Promise<Result<LeverageBrackets, BrokerError>>;
  /** The trades of one of our orders, oldest first, all pages; empty while the exchange lists none yet. */
  fills(order: OrderReference): Promise<Result<readonly Fill[], BrokerError>>;
  /** Everything that changed the wallet since then, oldest first, all pages. */
  incomeSince(sinceMs: number): Promise<Result<Listing<Income>, BrokerError>>;
  /** Which orders of the exchange itself have reduced the symbol's position since then, the newest; undefined: none. */
  forcedClosing(symbol: string, sinceMs: number): Promise<Result<ForcedClosing | undefined, BrokerError>>;
}
