// The trades of an account, by symbol, in the order in which they were made.
import type { AsOf } from './history.ts';
import type { Side } from './positions.ts';

export interface Trade {
  readonly tradeId: number;
  readonly orderId: number;
  readonly symbol: string;
  readonly side: Side;
  readonly price: number;
  readonly quantity: number;
  readonly commissionAsset: string;
  readonly commissionE8: number;
  readonly realisedMicroUsdt: number;
  readonly maker: boolean;
  readonly atMs: number;
}

const FIRST_ID = 50_000;

export class Trades {
  readonly #bySymbol = new Map<string, Trade[]>();
  #lastId = FIRST_ID;

  add(trade: Omit<Trade, 'tradeId'>): Trade {
    const kept = { tradeId: ++this.#lastId, ...trade };
    const trades = this.#bySymbol.get(trade.symbol);
    if (trades === undefined) this.#bySymbol.set(trade.symbol, [kept]);
    else trades.push(kept);
    return kept;
  }

  of(symbol: string, asOf?: AsOf): readonly Trade[] {
    const trades = this.#bySymbol.get(symbol) ?? [];
    return asOf === undefined ? trades : trades.filter(({ atMs }) => atMs <= asOf);
  }
}
