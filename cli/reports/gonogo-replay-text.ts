// A replay of GO/NO-GO as text: the conclusion first, then every day.
import { formatDay, formatFigure, formatPercent, NOT_AVAILABLE } from '../../lib/core/format-figure.ts';
import {
  type FollowingDays,
  type ReplayedDay,
  UNMEASURED_CRITERIA,
} from '../../lib/research/gonogo/replayed-days.ts';
import type { GoNoGoReplayReport } from '../../lib/runtime/compose/research/replay-gonogo.ts';
import { formatTable } from '../format/text-table.ts';
import { IN_SAMPLE_WORDS } from './report-page.ts';

export function formatGoNoGoReplay(replay: GoNoGoReplayReport): string {
  const { days, afterGo, afterNoGo, unmet } = replay;
  const go = days.filter(({ verdict }) => verdict === 'GO').length;
  const reasons = Object.entries(unmet)
    .sort(([, a], [, b]) => b - a)
    .map(([criterion, count]) => `${criterion} ${count}`);
  return [
    `GO on ${go} of ${days.length} days (${formatPercent(go / days.length)}) of ensemble ${replay.ensembleId}; ${IN_SAMPLE_WORDS[`${replay.inSample}`]}`,
    `${UNMEASURED_CRITERIA.join(' and ')} are left out: a replay does not measure them`,
    `the paper account made ${replay.trades} trades and returned ${formatPercent(replay.totalReturn, 2)}`,
    `after GO:    ${describeFollowing(afterGo)}`,
    `after NO_GO: ${describeFollowing(afterNoGo)}`,
    `days on which a criterion was not met: ${reasons.join(', ') || 'none'}`,
    formatTable({
      head: ['day', 'verdict', 'positions', 'stops', 'acting', 'confidence', 'profit', 'next day', 'not met'],
      rows: days.map(dayCells),
    }),
  ].join('\n');
}

function describeFollowing({ days, meanReturn, profitable, interval }: FollowingDays): string {
  if (days === 0) return 'no day';
  const bps = (value: number) => (10_000 * value).toFixed(1);
  const bounds =
    interval === undefined
      ? 'no interval: fewer than 5 days'
      : `95 % ${bps(interval.low)} to ${bps(interval.high)}`;
  return `the account made ${bps(meanReturn!)} bps on the mean of ${days} next days (${bounds}), a profit on ${formatPercent(profitable)}`;
}

const dayCells = ({ startMs, verdict, criteria, evidence, nextDayReturn }: ReplayedDay) => [
  formatDay(startMs),
  verdict,
  evidence.positionsOpened ?? NOT_AVAILABLE,
  evidence.stopLossHits ?? NOT_AVAILABLE,
  evidence.actingSignals ?? NOT_AVAILABLE,
  formatFigure(evidence.meanConfidence, 3),
  formatFigure(evidence.profitUsdt, 2),
  nextDayReturn === undefined ? NOT_AVAILABLE : `${(10_000 * nextDayReturn).toFixed(1)} bps`,
  criteria.join(', '),
];
