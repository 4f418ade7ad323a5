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

  it.each([80, 40, 30])('wraps text at %i columns, and loses no word', (columns) => {
    const words = Array.from({ length: 40 }, (_, index) => `word${index}`);
    const text = formatTable(
      { head: ['a', 'b', 'c'], rows: [['x y', 1.25, words.join(' ')]], left: [0, 2] },
      columns,
    );
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(columns);
    expect(text.split(/\s+/).filter((word) => word.startsWith('word'))).toEqual(words);
  });

  it('stands a value below the other where its figures do not fit side by side, and cuts none', () => {
    const figures = Array.from({ length: 9 }, (_, index) => 1_000_000.125 + index);
    const head = figures.map((_, index) => `column ${index}`);
    const text = formatTable(
      {
        head: ['name', ...head],
        rows: [
          ['a', ...figures],
          ['b', ...figures],
        ],
      },
      60,
    );
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(60);
    const lines = text.split('\n').map((line) => line.split(/ {2,}/));
    const block = (name: string) => [
      ['name', name],
      ...figures.map((figure, index) => [`column ${index}`, String(figure)]),
    ];
    expect(lines).toEqual([...block('a'), [''], ...block('b')]);
  });

  it('moves columns together before it wraps a text', () => {
    const table = { head: ['name', 'a', 'b'], rows: [['x y', 10, 20]] };
    expect(formatTable(table, 12)).toBe('name   a   b\nx y   10  20');
    expect(formatTable(table, 10)).toBe('name  a  b\nx y  10 20');
  });

  it('keeps a row in one line where nobody watches, as in a pipe', () => {
    const long = 'word '.repeat(60).trim();
    expect(formatTable({ head: ['a', 'b'], rows: [['x', long]], left: [0, 1] })).toContain(`x  ${long}`);
  });

  it('never cuts a word that is longer than its column', () => {
    const word = 'x'.repeat(100);
    expect(formatTable({ head: [], rows: [['a', word]] }, 40)).toContain(word);
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
        move: { expected: -0.3, deviation: 0.8 },
      },
    ];
    const signal = {
      ...signalOf('BTCUSDT', 'HOLD'),
      symbol: '1000SATSUSDT',
      action: 'HOLD' as const,
      expectedEdgeBps: null,
      votes,
    };
    const text = formatSignals([{ ...signal, reasons: ['no_consensus', 'edge_below_threshold'] }], 80);
    for (const line of text.split('\n')) expect([line, line.length <= 80]).toEqual([line, true]);
    expect(text).toMatch(/votes of xgboost, nhits: /);
    expect(text).toMatch(/1000SATSUSDT +HOLD .* n\/a +-S +no_consensus/);
  });
});
