// What the models are asked, and whose answer is whose: of every row, every model, and where a row or a model lacks something.
import { describe, expect, it } from 'vitest';
import { FEATURE_COUNT, FEATURE_NAMES, SEQUENCE_COLUMNS } from '../../lib/features/feature-set.ts';
import { askModels, type SymbolRow, toSymbolRow } from '../../lib/inference/use-cases/ask-models.ts';
import { SEQUENCE_STEPS } from '../../lib/market/grid.ts';
import { SEQUENCE, served, servedBy, TABULAR } from '../support/inference/plain-models.ts';

const BAR_MS = 300_000;
const column = (name: (typeof FEATURE_NAMES)[number]) => FEATURE_NAMES.indexOf(name);

/** Each value tells its step and its column. */
const features = (steps: number) =>
  Float32Array.from({ length: steps * FEATURE_COUNT }, (_, index) => index / 8);
const bar = {
  barOpenTimeMs: BAR_MS,
  close: 200,
  longerAtrOf: (timeframe: string) => (timeframe === '1h' ? 60 : 4),
  betaToBitcoin: () => 0.5,
};
const rowOf = (symbol: string, over: Partial<SymbolRow> = {}): SymbolRow => ({
  ...toSymbolRow(symbol, features(1), bar),
  ...over,
});

describe('a row of a symbol', () => {
  it('is the newest step, with the close that its ranges are measured by', () => {
    const row = toSymbolRow('AUSDT', features(3), bar);
    const newest = features(3).slice(2 * FEATURE_COUNT);
    expect(row).toMatchObject({ symbol: 'AUSDT', barOpenTimeMs: BAR_MS, close: 200 });
    expect([...row.tabular]).toEqual([...newest]);
    expect(row.atr).toBe(newest[column('atr_14_pct')]! * 200);
    expect([row.stopAtrOf('5m'), row.stopAtrOf('1h'), row.stopAtrOf('4h')]).toEqual([row.atr, 60, 4]);
    expect(row.betaToBitcoin()).toBe(0.5);
  });

  it('has a sequence of all its steps, column by column, where there are 96 and no other number', () => {
    const all = features(SEQUENCE_STEPS);
    const { sequence } = toSymbolRow('AUSDT', all, bar);
    const expected = Array.from({ length: SEQUENCE_STEPS }, (_, step) =>
      SEQUENCE_COLUMNS.map((name) => all[step * FEATURE_COUNT + FEATURE_NAMES.indexOf(name)]),
    );
    expect([...sequence!]).toEqual(expected.flat());
    expect(toSymbolRow('AUSDT', features(1), bar).sequence).toBeUndefined();
    expect(toSymbolRow('AUSDT', features(SEQUENCE_STEPS - 1), bar).sequence).toBeUndefined();
  });
});

describe('the models of an ensemble', () => {
  const sequence = (value: number) => new Float32Array(SEQUENCE_STEPS * SEQUENCE_COLUMNS.length).fill(value);

  it('are asked for all rows at once, and each answer goes to its row', async () => {
    const asked: [string, number, number][] = [];
    const note = (name: string) => (input: Float32Array, rows: number) => {
      asked.push([name, input.length, rows]);
    };
    const { loaded } = served(
      servedBy('a', { input: TABULAR, note: note('a') }),
      servedBy('s', { input: SEQUENCE, note: note('s') }),
    );
    // The mean of a row says to which side the models lean.
    const rows = [
      rowOf('AUSDT', { tabular: new Float32Array(FEATURE_COUNT).fill(1), sequence: sequence(1) }),
      rowOf('BUSDT', { tabular: new Float32Array(FEATURE_COUNT).fill(-1) }),
      rowOf('CUSDT', { tabular: new Float32Array(FEATURE_COUNT).fill(-1), sequence: sequence(-1) }),
    ];
    const { signals, quarantined } = await askModels(loaded, rows);
    expect(asked).toEqual([
      ['a', 3 * FEATURE_COUNT, 3],
      ['s', 2 * SEQUENCE_STEPS * SEQUENCE_COLUMNS.length, 2],
    ]);
    expect(quarantined).toEqual([]);
    const said = signals.map(({ symbol, votes }) => [
      symbol,
      ...votes.map((vote) => ('abstained' in vote ? vote.abstained : vote.action)),
    ]);
    expect(said).toEqual([
      ['AUSDT', 'BUY', 'BUY'],
      ['BUSDT', 'SELL', 'sequence_incomplete'],
      ['CUSDT', 'SELL', 'SELL'],
    ]);
    const all = await askModels(loaded, rows.slice(1, 2));
    expect(all.signals[0]?.votes[1]).toMatchObject({ model: 's', abstained: 'sequence_incomplete' });
    expect(all.quarantined).toEqual([]);
    expect(asked).toHaveLength(3);
    expect(asked[2]).toEqual(['a', FEATURE_COUNT, 1]);
  });

  it('that serve nobody abstain everywhere and are told, with those that fail at the bar', async () => {
    const missing = { model: 'm', version: 'v1', reason: 'model_missing', message: 'gone' } as const;
    const { loaded, failure } = served(servedBy('a'), servedBy('f', { fails: true }), missing);
    const { signals, quarantined } = await askModels(loaded, [rowOf('AUSDT'), rowOf('BUSDT')]);
    expect(quarantined).toEqual([missing, failure('f')]);
    for (const { votes } of signals)
      expect(votes.map((vote) => [vote.model, 'abstained' in vote ? vote.abstained : 'voted'])).toEqual([
        ['a', 'voted'],
        ['f', 'inference_failed'],
        ['m', 'model_missing'],
      ]);
    // The list of the ensemble, which lasts for many bars, does not grow.
    expect(loaded.quarantined).toEqual([missing]);
  });

  it('decide at the figures of the row', async () => {
    const { loaded } = served(servedBy('a'), servedBy('b'));
    const tabular = new Float32Array(FEATURE_COUNT).fill(1);
    tabular[column('atr_ratio')] = 1.5;
    tabular[column('corwin_schultz_20')] = 0.25;
    const about = {
      tabular,
      close: 300,
      atr: 8,
      stopAtrOf: (timeframe: string) => (timeframe === '1h' ? 9 : 1),
    };
    const hourly = { ...loaded, ensemble: { ...loaded.ensemble, stopAtrTimeframe: '1h' as const } };
    const { signals } = await askModels(hourly, [rowOf('AUSDT', about)]);
    expect(signals).toMatchObject([
      {
        ...{ symbol: 'AUSDT', barOpenTimeMs: BAR_MS, action: 'BUY', close: 300, atr: 8, stopAtr: 9 },
        ...{ atrRatio: 1.5, spreadBps: 2_500, betaToBitcoin: 0.5, ensembleId: loaded.ensemble.id },
      },
    ]);
  });

  it('are asked nothing where there is no row', async () => {
    const asked: number[] = [];
    const { loaded } = served(servedBy('a', { note: (_, rows) => asked.push(rows) }));
    expect(await askModels(loaded, [])).toEqual({ signals: [], quarantined: [] });
    expect(asked).toEqual([]);
  });
});
