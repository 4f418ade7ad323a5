// What happened in a backtest, in one honest paragraph: first what was traded and what came of it, then what that is worth.
import { formatFigure, formatInstant, formatPercent } from '../../lib/core/format-figure.ts';
import { DAY_MS } from '../../lib/core/units.ts';
import { describeSettings } from '../../lib/research/backtest-settings.ts';
import { ANNUALISED_DAYS_MIN } from '../../lib/research/metrics/performance.ts';
import type { BacktestReport } from '../../lib/research/use-cases/backtest-report.ts';

export function summariseBacktest(report: BacktestReport): string {
  const { range, symbols, decisions, trades, openTrades } = report;
  const entered = [...trades, ...openTrades];
  const longs = entered.filter(({ side }) => side === 'BUY').length;
  const changed = describeSettings(report.settings, report.releasedSettings);
  return [
    `From ${formatInstant(range.fromMs)} to ${formatInstant(range.toMs)} UTC ensemble ${report.ensembleId} decided ${decisions} times on ${symbols.length} symbols`,
    changed === '' ? ' with the settings as released' : ` with other settings than released (${changed})`,
    entered.length === 0
      ? ` and traded nothing: ${report.whyNoTrade}. `
      : ` and opened ${entered.length} positions, ${longs} long and ${entered.length - longs} short. `,
    sayWhatCameOfIt(report),
    sayWhatItIsWorth(report),
  ].join('');
}

function sayWhatCameOfIt({ bookedLedger, summary, trip, benchmarks, openTrades }: BacktestReport): string {
  const { depositUsdt, equityUsdt, feesUsdt, fundingUsdt } = bookedLedger;
  const { maxDrawdown: drawdown } = summary;
  const held = benchmarks.map(({ name, equityUsdt: of }) => {
    const change = formatPercent(of.at(-1)! / of[0]! - 1, 2);
    return `${name === 'bitcoin' ? 'Bitcoin' : 'equal parts of all'} ${change}`;
  });
  return [
    `The account went from ${depositUsdt.toFixed(2)} to ${equityUsdt.toFixed(2)} USDT (${formatPercent(summary.totalReturn, 2)}) after ${feesUsdt.toFixed(2)} USDT of fees and ${fundingUsdt.toFixed(2)} of funding`,
    held.length === 0 ? '. ' : `; held instead, ${held.join(' and ')}. `,
    drawdown === undefined
      ? 'It never stood below its high. '
      : `Its deepest fall was ${formatPercent(drawdown.fraction, 2)}, with the bottom at ${formatInstant(drawdown.bottomMs)}. `,
    summary.trades === 0
      ? ''
      : `${summary.wins} of ${summary.trades} closed trades won, profit factor ${formatFigure(summary.profitFactor, 2)}. `,
    openTrades.length === 0 ? '' : `Still open at the end: ${openTrades.length}. `,
    trip === undefined ? '' : `The circuit breaker tripped at ${formatInstant(trip.atMs)}: ${trip.message}. `,
  ].join('');
}

function sayWhatItIsWorth({ range, summary, inSample, trades }: BacktestReport): string {
  if (inSample !== false)
    return 'The models have seen these bars in training: this shows nothing about the future.';
  if (trades.length === 0) return '';
  const days = Math.round((range.toMs - range.fromMs) / DAY_MS);
  const { dailyReturnInterval: interval } = summary;
  const short = days < ANNUALISED_DAYS_MIN ? `${days} days are too few for a rate per year` : '';
  if (interval === undefined) return short === '' ? '' : `${short}, and say little about the future.`;
  const bounds = `95 % interval ${bpsOf(interval.low)} to ${bpsOf(interval.high)} bps a day`;
  const evidence =
    interval.low > 0
      ? `The mean day lies above zero (${bounds}), as chance alone would rarely have it`
      : interval.high < 0
        ? `The mean day lies below zero (${bounds}): it loses`
        : `The mean day cannot be told from zero (${bounds}): no evidence that it earns`;
  return `${evidence}${short === '' ? '' : `; ${short}`}.`;
}

const bpsOf = (fraction: number): string => (10_000 * fraction).toFixed(1);
