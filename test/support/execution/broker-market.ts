// The market on which brokers are tested, and orders that the gate has approved.
import { expect } from 'vitest';
import { type Result, success } from '../../../lib/core/result.ts';
import type { EntryOrder, ReduceOrder } from '../../../lib/execution/order.ts';
import type { Listing, OrderReference } from '../../../lib/execution/ports.ts';
import { BAR_MS, type Candle } from '../../../lib/market/candle.ts';
import { seriesFromCandles } from '../../../lib/market/candle-series.ts';
import { approveReduction, authorise, type RiskApproved, type Scope } from '../../../lib/risk/gate.ts';
import { marketOf } from '../../../local/market/market-source.ts';

export const DEPOSIT_MICRO_USDT = 10_000_000_000;

export const BROKER_TERMS = {
  depositMicroUsdt: DEPOSIT_MICRO_USDT,
  impactBps: 5,
  takerFeeBps: 4,
  fundingRatePer8h: 0.0001,
} as const;

export const FIRST_MS = Date.UTC(2024, 0, 2);

/** 07:30: half an hour before funding. */
export const BROKER_START_MS = FIRST_MS + 90 * BAR_MS;

export const BTC_PRICE = 50_000;

export const REACHED_BAR = 92;

export const GAP_BAR = 94;

/** BTCUSDT trades at 50000.0 ± 10, but for a dip to 49000 in one bar and a fall to 48000 between two others. */
function btcBar(bar: number): Candle {
  const level = bar < GAP_BAR ? BTC_PRICE : 48_000;
  const low = bar === REACHED_BAR ? 49_000 : level - 10;
  return {
    openTimeMs: FIRST_MS + bar * BAR_MS,
    open: level,
    high: level + 10.1,
    low,
    close: level,
    volume: 12.345,
  };
}

const ethBar = (bar: number): Candle => ({ ...btcBar(0), openTimeMs: FIRST_MS + bar * BAR_MS });

function seriesOf(bar: (index: number) => Candle) {
  const series = seriesFromCandles(Array.from({ length: 400 }, (_, index) => bar(index)));
  if (!series.ok) throw new Error(`the market is not valid: ${series.error.problem}`);
  return series.value;
}

export const brokerMarket = marketOf(
  new Map([
    ['BTCUSDT', seriesOf(btcBar)],
    ['ETHUSDT', seriesOf(ethBar)],
  ]),
);

export async function approveEntry(
  scope: Scope,
  change: Partial<EntryOrder> = {},
): Promise<RiskApproved<EntryOrder>> {
  const order: EntryOrder = {
    kind: 'entry',
    scope,
    clientOrderId: 'qt-entry-1',
    symbol: 'BTCUSDT',
    side: 'BUY',
    quantity: 0.01,
    barOpenTimeMs: BROKER_START_MS - BAR_MS,
    ensembleId: 'e1',
    referencePrice: BTC_PRICE,
    notionalMicroUsdt: 500_000_000,
    betaMicroUsdt: 500_000_000,
    stopPrice: 49_500,
    ...change,
  };
  const context = {
    mode: scope === 'live' ? ('LIVE' as const) : ('PAPER' as const),
    flagsReadAtMs: 0,
    epoch: 0,
    codeVersion: 'local',
    limits: { exposureMicroUsdt: 1e12, sideMicroUsdt: 1e12, netBetaMicroUsdt: 1e12, positions: 10 },
    forget: [],
    nowMs: 0,
  };
  const approved = await authorise(order, context, async () => success(undefined));
  if (!approved.ok) throw new Error(approved.error);
  return approved.value;
}

export function approveReduce(scope: Scope, change: Partial<ReduceOrder> = {}): RiskApproved<ReduceOrder> {
  return approveReduction({
    kind: 'reduce',
    scope,
    clientOrderId: 'qt-reduce-1',
    symbol: 'BTCUSDT',
    side: 'SELL',
    quantity: 0.01,
    reduceOnly: true,
    stopPrice: null,
    ...change,
  });
}

export function expectValue<T>(answer: Result<T, { message: string }>): T {
  if (!answer.ok) throw new Error(answer.error.message);
  return answer.value;
}

/** Of a list in which everything can be read. */
export function expectRows<Row>(answer: Result<Listing<Row>, { message: string }>): readonly Row[] {
  const { rows, problems } = expectValue(answer);
  expect(problems).toEqual([]);
  return rows;
}

export const market = (clientOrderId: string, symbol = 'BTCUSDT'): OrderReference => ({
  symbol,
  clientOrderId,
  kind: 'market',
});

export const stop = (clientOrderId: string, symbol = 'BTCUSDT'): OrderReference => ({
  symbol,
  clientOrderId,
  kind: 'stop',
});
