// Signals as a table for people.
import Table from 'cli-table3';
import type { Signal } from '../../lib/inference/signal.ts';
import type { Vote } from '../../lib/models/vote.ts';
import { formatInstant } from './format-figure.ts';

export function formatSignals(signals: readonly Signal[]): string {
  const table = new Table({
    head: [
      'bar (UTC)',
      'symbol',
      'action',
      'confidence',
      'edge bps',
      'consensus',
      'votes',
      'close',
      'why hold',
    ],
    style: { head: [], border: [] },
  });
  for (const signal of signals)
    table.push([
      formatInstant(signal.barOpenTimeMs),
      signal.symbol,
      signal.action,
      signal.confidence.toFixed(3),
      signal.expectedEdgeBps?.toFixed(1) ?? 'undefined',
      `${Math.round(100 * signal.consensusFraction)} % of ${signal.activeModels}`,
      signal.votes.map(formatVote).join(' '),
      String(signal.close),
      signal.reasons.join(', '),
    ]);
  return table.toString();
}

const formatVote = (vote: Vote): string =>
  `${vote.model}:${'abstained' in vote ? vote.abstained : vote.action}`;
