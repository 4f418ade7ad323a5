// One movement of an account's wallet, as an exchange lists it.

/** What changed the wallet. `other`: a type that this code does not know, named in `type`. */
export type IncomeKind =
  | 'realised'
  | 'commission'
  | 'funding'
  | 'transfer'
  | 'rebate'
  | 'insurance'
  | 'settlement'
  | 'conversion'
  | 'other';
export interface Income {
  /** Unique per row. */
  readonly id: string;
  readonly kind: IncomeKind;
  /** As the exchange calls it. */
  readonly type: string;
  readonly symbol: string | null;
  readonly asset: string;
  /** In the asset; received above zero. */
  readonly amount: number;
  /** The trade that it belongs to, where the exchange says so. */
  readonly tradeId: string | null;
  readonly atMs: number;
}
