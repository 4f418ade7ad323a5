// What a strategy earned for the risk it took, from its equity curve. Crypto trades every day: a year has 365 days. Annualised
// figures exist from 30 days on: scaled up from a few days they would be noise that looks like skill.

import { momentsOf, sumOf } from '../../core/statistics/moments.ts';
import { DAY_MS } from '../../core/units.ts';
import { type Drawdown, maxDrawdown } from '../../risk/drawdown.ts';
import { dailyReturns, type EquityCurve, type PeriodReturn } from '../../risk/equity-curve.ts';

export const DAYS_PER_YEAR = 365;
/** Of returns; below, no figure is annualised. */
export const ANNUALISED_DAYS_MIN = 30;

export interface Performance {
  /** Over the whole curve, 0.01 = 1 %; undefined for fewer than 2 snapshots. */
  readonly totalReturn: number | undefined;
  /** Compound growth per 365 days; undefined below 30 days of returns, after ruin, or when it overflows. */
  readonly annualReturn: number | undefined;
  /** Mean / sample deviation of daily returns × √365, risk-free rate 0; undefined below 30 days or without variance. Sharpe 1994. */
  readonly sharpe: number | undefined;
  /** Mean / √(mean of min(return, 0)²) × √365, over all days; undefined below 30 days or when no day lost. Sortino & van der Meer 1991. */
  readonly sortino: number | undefined;
  /** annualReturn / deepest drawdown, over the whole curve; undefined without either. Young 1991. */
  readonly calmar: number | undefined;
  /** undefined when equity never stood below its high. */
  readonly maxDrawdown: Drawdown | undefined;
  readonly dailyReturns: readonly PeriodReturn[];
}

export function performanceOf(curve: EquityCurve): Performance {
  const daily = dailyReturns(curve);
  const values = daily.map((day) => day.value);
  const drawdown = maxDrawdown(curve);
  const isLong = daily.length >= ANNUALISED_DAYS_MIN;
  const annualReturn = isLong ? annualReturnOf(curve) : undefined;
  const sharpe = isLong ? dailySharpe(values) : undefined;
  return {
    totalReturn: totalReturnOf(curve),
    annualReturn,
    sharpe: sharpe === undefined ? undefined : sharpe * Math.sqrt(DAYS_PER_YEAR),
    sortino: isLong ? sortinoOf(values) : undefined,
    calmar:
      annualReturn === undefined || drawdown === undefined ? undefined : annualReturn / drawdown.fraction,
    maxDrawdown: drawdown,
    dailyReturns: daily,
  };
}

/** Sharpe ratio per day, not annualised: what the deflated Sharpe ratio is computed from. undefined without variance. */
export function dailySharpe(returns: ArrayLike<number>): number | undefined {
  const moments = momentsOf(returns);
  return moments === undefined || moments.deviation === 0 ? undefined : moments.mean / moments.deviation;
}

function sortinoOf(returns: ArrayLike<number>): number | undefined {
  const downside = Math.sqrt(sumOf(returns, (value) => Math.min(value, 0) ** 2) / returns.length);
  if (downside === 0) return undefined;
  const mean = sumOf(returns, (value) => value) / returns.length;
  return (mean / downside) * Math.sqrt(DAYS_PER_YEAR);
}

function totalReturnOf({ equityUsdt }: EquityCurve): number | undefined {
  if (equityUsdt.length < 2 || equityUsdt[0]! <= 0) return undefined;
  return equityUsdt[equityUsdt.length - 1]! / equityUsdt[0]! - 1;
}

function annualReturnOf(curve: EquityCurve): number | undefined {
  const totalReturn = totalReturnOf(curve);
  if (totalReturn === undefined || totalReturn <= -1) return undefined;
  const { timeMs } = curve;
  const years = (timeMs[timeMs.length - 1]! - timeMs[0]!) / (DAYS_PER_YEAR * DAY_MS);
  const annual = (1 + totalReturn) ** (1 / years) - 1;
  return Number.isFinite(annual) ? annual : undefined;
}
