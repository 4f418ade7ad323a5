// The wallet of an account and the rows of income that explain it. The wallet moves at once; its row appears later, as on the real
// exchange. Amounts are whole hundred-millionths of an asset, so that sums are exact.
import { type AsOf, History } from './history.ts';

export const E8 = 100_000_000;
export const E8_PER_MICRO = 100;

/** Of Binance's documentation, its own spelling included. */
export const INCOME_TYPES = [
  'TRANSFER',
  'WELCOME_BONUS',
  'REALIZED_PNL',
  'FUNDING_FEE',
  'COMMISSION',
  'INSURANCE_CLEAR',
  'REFERRAL_KICKBACK',
  'COMMISSION_REBATE',
  'API_REBATE',
  'CONTEST_REWARD',
  'CROSS_COLLATERAL_TRANSFER',
  'OPTIONS_PREMIUM_FEE',
  'OPTIONS_SETTLE_PROFIT',
  'INTERNAL_TRANSFER',
  'AUTO_EXCHANGE',
  'DELIVERED_SETTELMENT',
  'COIN_SWAP_DEPOSIT',
  'COIN_SWAP_WITHDRAW',
  'POSITION_LIMIT_INCREASE_FEE',
  'STRATEGY_UMFUTURES_TRANSFER',
  'FEE_RETURN',
  'BFUSD_REWARD',
] as const;
export type IncomeType = (typeof INCOME_TYPES)[number];

export interface Income {
  readonly tranId: number;
  /** Empty where no symbol is concerned. */
  readonly symbol: string;
  readonly incomeType: IncomeType;
  readonly asset: string;
  readonly amountE8: number;
  readonly atMs: number;
  /** Empty where no trade is concerned. */
  readonly tradeId: string;
}

export class Funds {
  readonly #balances = new History<string, number>();
  readonly #assets = new Set<string>();
  readonly #income: Income[] = [];
  readonly #incomeLagMs: number;
  readonly #nextId: () => number;

  constructor(context: { incomeLagMs: number; nextId: () => number }) {
    this.#incomeLagMs = context.incomeLagMs;
    this.#nextId = context.nextId;
  }

  /** What is there from the start, and in no row. */
  deposit(asset: string, amountE8: number): void {
    this.#move(asset, amountE8, 0);
  }

  /** Moves the wallet. Nothing happens for an amount of zero. */
  credit(income: Omit<Income, 'tranId'>): void {
    const { asset, amountE8, atMs } = income;
    if (amountE8 === 0) return;
    this.#move(asset, amountE8, atMs);
    // Symbols catch up with the clock one after the other, so that a row may be older than the last one.
    const index = this.#income.findLastIndex((row) => row.atMs <= atMs) + 1;
    this.#income.splice(index, 0, { tranId: this.#nextId(), ...income });
  }

  balanceE8(asset: string, asOf?: AsOf): number {
    return this.#balances.get(asset, asOf) ?? 0;
  }

  /** Every asset that the account ever held, USDT first. */
  assets(): string[] {
    return ['USDT', ...[...this.#assets].filter((asset) => asset !== 'USDT')];
  }

  #move(asset: string, amountE8: number, atMs: number): void {
    this.#assets.add(asset);
    this.#balances.keep(asset, atMs, this.balanceE8(asset) + amountE8);
  }

  /** Oldest first; those from then on that have appeared by now. */
  income(fromMs: number, nowMs: number, asOf?: AsOf): Income[] {
    const untilMs = asOf ?? (this.#incomeLagMs > 0 ? nowMs : undefined);
    const first = this.#income.findLastIndex(({ atMs }) => atMs < fromMs) + 1;
    return this.#income
      .slice(first)
      .filter(({ atMs }) => untilMs === undefined || atMs + this.#incomeLagMs <= untilMs);
  }
}
