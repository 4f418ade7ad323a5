// The contracts of the exchange as they are at a time: filters, status and terms change while it runs, as they do on the real one.
import { decimalPlaces, plainDecimal } from '../../lib/market/plain-decimal.ts';
import type { MarketSource } from '../market/market-source.ts';
import { type AsOf, History } from './account/history.ts';

/** Those of Binance's documentation, and BREAK, which halts a spot symbol. */
export const CONTRACT_STATUSES = [
  'PENDING_TRADING',
  'TRADING',
  'PRE_DELIVERING',
  'DELIVERING',
  'DELIVERED',
  'PRE_SETTLE',
  'SETTLING',
  'CLOSE',
  'BREAK',
] as const;

export interface Filters {
  /** Any number, not only a power of ten. */
  readonly tickSize: number;
  readonly stepSize: number;
  readonly minQty: number;
  readonly maxQty: number;
  /** MARKET_LOT_SIZE: of market orders. */
  readonly marketMinQty: number;
  readonly marketMaxQty: number;
  readonly minNotional: number;
  /** Conditional orders that may be open on the symbol. */
  readonly stopOrdersMax: number;
  /** A market order must find a price within these multiples of the mark price. */
  readonly percentPrice: { readonly up: number; readonly down: number };
}

export interface ContractTerms {
  readonly status: (typeof CONTRACT_STATUSES)[number];
  readonly contractType: string;
  readonly underlyingType: string;
  readonly deliveryDateMs: number;
  /** USDT that may be held at leverage 20; half of it at twice the leverage. */
  readonly maxNotional: number;
  /** How the exchange lists the leverage brackets that follow from it. */
  readonly bracketTable: 'whole' | 'absent' | 'empty' | 'overlapping' | 'without_cap';
}

export interface Contract extends Filters, ContractTerms {
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
}

const QUOTES = ['USDT', 'USDC', 'FDUSD', 'BUSD', 'TUSD', 'BTC', 'ETH', 'BNB'];
const SAMPLED_BARS = 500;
const DELIVERY_NEVER_MS = 4_133_404_800_000;
const UNTIL_DELIVERY: ReadonlySet<string> = new Set(['TRADING', 'PRE_DELIVERING', 'PRE_SETTLE']);
const QUANTITY_MAX = 10_000_000;

/** Of each symbol; in-process only. */
export type ContractChanges = Partial<Omit<Contract, 'symbol' | 'base' | 'quote'>>;

export class Contracts {
  readonly #history = new History<string, Contract>();
  readonly #nowMs: () => number;

  constructor(
    market: MarketSource,
    nowMs: () => number,
    changes: Readonly<Record<string, ContractChanges>> = {},
  ) {
    this.#nowMs = nowMs;
    for (const symbol of market.symbols)
      this.#history.keep(symbol, 0, { ...contractOf(market, symbol), ...changes[symbol] });
  }

  /** From its delivery date on, a contract that traded is settling. */
  of(symbol: string, asOf?: AsOf): Contract | undefined {
    const contract = this.#history.get(symbol, asOf);
    if (contract === undefined || contract.deliveryDateMs > (asOf ?? this.#nowMs())) return contract;
    return UNTIL_DELIVERY.has(contract.status) ? { ...contract, status: 'SETTLING' } : contract;
  }

  /** False for a symbol that the market has not. */
  change(symbol: string, atMs: number, changes: ContractChanges): boolean {
    const contract = this.of(symbol);
    if (contract === undefined) return false;
    this.#history.keep(symbol, atMs, { ...contract, ...changes });
    return true;
  }
}

/** Tick and step come from the decimals that the prices and volumes really have. */
function contractOf(market: MarketSource, symbol: string): Contract {
  const series = market.candles(symbol);
  const decimalsOf = (column: 'open' | 'high' | 'low' | 'close' | 'volume'): number =>
    decimalPlaces(series[column].subarray(Math.max(0, series.length - SAMPLED_BARS)));
  const quote = QUOTES.find((name) => symbol.endsWith(name) && symbol.length > name.length) ?? 'USDT';
  const stepSize = unitOf(decimalsOf('volume'));
  return {
    symbol,
    quote,
    base: symbol.endsWith(quote) ? symbol.slice(0, -quote.length) : symbol,
    tickSize: unitOf(Math.max(...(['open', 'high', 'low', 'close'] as const).map(decimalsOf))),
    stepSize,
    minQty: stepSize,
    maxQty: QUANTITY_MAX,
    marketMinQty: stepSize,
    marketMaxQty: QUANTITY_MAX,
    minNotional: symbol === 'BTCUSDT' ? 100 : 5,
    stopOrdersMax: 10,
    percentPrice: { up: 1.05, down: 0.95 },
    status: 'TRADING',
    contractType: 'PERPETUAL',
    underlyingType: 'COIN',
    deliveryDateMs: DELIVERY_NEVER_MS,
    maxNotional: 1_000_000,
    bracketTable: 'whole',
  };
}

const unitOf = (decimals: number): number => Number(`1e-${decimals}`);
export const decimalsOf = (unit: number): number => plainDecimal(unit).split('.')[1]?.length ?? 0;

/** Whether a value has no more decimals than its unit. */
export const isPrecise = (value: number, unit: number): boolean =>
  Number(value.toFixed(decimalsOf(unit))) === value;

/** Whether a value is a whole multiple of its unit. */
export const isMultiple = (value: number, unit: number): boolean =>
  Math.abs(value / unit - Math.round(value / unit)) < 1e-7;

/** Down to a multiple of the unit, written exactly. */
export const floorTo = (value: number, unit: number): number =>
  Number((Math.floor(value / unit + 1e-9) * unit).toFixed(decimalsOf(unit)));

export const roundTo = (value: number, unit: number): number =>
  Number((Math.round(value / unit) * unit).toFixed(decimalsOf(unit)));
