import { describe, expect, it } from 'vitest';
import { formatSignals } from '../../cli/format/signal-table.ts';
import { formatTable } from '../../cli/format/text-table.ts';
import { signalOf } from '../support/trading/trading-world.ts';

describe('a table', () => {
  it('stands in columns: text left, figures right', () => {
    expect(
      formatTable({
        head: ['name', 'value'],
        rows: [
          ['a', 1.5],
          ['bcdef', 22],
        ],
      }),
    ).toBe('name   value\na        1.5\nbcdef     22');
  });

  it('wraps its last column at 80 columns, and loses no word', () => {
    const words = Array.from({ length: 40 }, (_, index) => `word${index}`);
    const text = formatTable({ head: ['a', 'b'], rows: [['x', words.join(' ')]], left: [0, 1] });
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect(text.split(/\s+/).filter((word) => word.startsWith('word'))).toEqual(words);
  });

  it('never cuts a word that is longer than its column', () => {
    const word = 'x'.repeat(100);
    expect(formatTable({ head: [], rows: [['a', word]] })).toContain(word);
  });

  it('says none without rows', () => {
    expect(formatTable({ head: ['a'], rows: [] })).toBe('none');
  });
});

describe('the table of signals', () => {
  it('fits 80 columns, and shows votes as letters in the order that it names', () => {
    const votes = [
      { model: 'xgboost', version: 'v1', abstained: 'sha256_mismatch' as const },
      {
        model: 'nhits',
        version: 'v1',
        action: 'SELL' as const,
        probabilities: { sell: 0.5, hold: 0.3, buy: 0.2 },
      },
    ];
    const signal = {
      ...signalOf('BTCUSDT', 'HOLD'),
      symbol: '1000SATSUSDT',
      action: 'HOLD' as const,
      expectedEdgeBps: null,
      votes,
    };
    const text = formatSignals([{ ...signal, reasons: ['no_consensus', 'edge_below_threshold'] }]);
    for (const line of text.split('\n')) expect([line, line.length <= 80]).toEqual([line, true]);
    expect(text).toMatch(/votes of xgboost, nhits: /);
    expect(text).toMatch(/1000SATSUSDT +HOLD .* n\/a +-S +no_consensus/);
  });
});
