// What execution needs from outside: an account to trade on, and what became of each order.
import type { Result } from '../core/result.ts';
import type { SymbolFilters } from '../market/symbol-filters.ts';
import type { RiskApproved, Scope } from '../risk/gate.ts';
import type { EntryOrder, ReduceOrder } from './order.ts';

/** What became of a submitted order, as far as is known. `unknown` is looked up by client order id, never sent again. */
export type Submission =
  | { readonly outcome: 'acknowledged' }
  | { readonly outcome: 'rejected'; readonly reason: string }
  | { readonly outcome: 'unknown'; readonly why: string };

export interface OrderReference {
  readonly symbol: string;
  readonly clientOrderId: string;
  /** Stops live in another list of the exchange than market orders. */
  readonly kind: 'market' | 'stop';
}

export interface OrderReport extends OrderReference {
  readonly status: 'open' | 'partially_filled' | 'filled' | 'cancelled' | 'rejected';
  readonly quantity: number;
  /** Cumulative, base asset. */
  readonly filledQuantity: number;
  /** Of what is filled; null before the first fill. */
  readonly averagePrice: number | null;
  readonly feeMicroUsdt: number;
  /** Of the last fill; null before the first. */
  readonly filledAtMs: number | null;
  readonly updatedAtMs: number;
}

export interface BrokerPosition {
  readonly symbol: string;
  /** Base asset; above zero long, below zero short; never zero. */
  readonly quantity: number;
  readonly entryPrice: number;
  readonly markPrice: number;
}

export interface FundingPayment {
  readonly symbol: string;
  readonly atMs: number;
  /** Received above zero, paid below. */
  readonly amountMicroUsdt: number;
  /** Unique per payment. */
  readonly id: string;
}

/** Closed list of why a broker could not answer or act. */
export interface BrokerError {
  readonly code: 'unavailable' | 'rate_limited' | 'unauthorised' | 'refused' | 'invalid_response';
  readonly message: string;
  readonly retryable: boolean;
}

/** One account at one exchange, or its simulation. Reads are retried inside; submissions never are. */
export interface Broker {
  readonly scope: Scope;
  /** Leverage and margin mode of a symbol, set and verified before its first entry. */
  prepare(symbol: string): Promise<Result<void, BrokerError>>;
  /** Market entry, market exit or stop (a reduction with a stop price). Verifies the approval. */
  submit(order: RiskApproved<EntryOrder | ReduceOrder>): Promise<Submission>;
  /** undefined when the exchange has no such order. */
  find(order: OrderReference): Promise<Result<OrderReport | undefined, BrokerError>>;
  openOrders(): Promise<Result<readonly OrderReport[], BrokerError>>;
  /** Cancelling what is already gone is success. */
  cancel(order: OrderReference): Promise<Result<void, BrokerError>>;
  /** All orders of the symbol, stops included. */
  cancelAll(symbol: string): Promise<Result<void, BrokerError>>;
  positions(): Promise<Result<readonly BrokerPosition[], BrokerError>>;
  /** Wallet balance: deposits plus everything realised, less fees, plus funding; without unrealised profit. */
  walletMicroUsdt(): Promise<Result<number, BrokerError>>;
  /** Last prices of these symbols. A symbol without a price is left out. */
  prices(symbols: readonly string[]): Promise<Result<ReadonlyMap<string, number>, BrokerError>>;
  filters(): Promise<Result<ReadonlyMap<string, SymbolFilters>, BrokerError>>;
  /** Oldest first. */
  fundingSince(sinceMs: number): Promise<Result<readonly FundingPayment[], BrokerError>>;
}
