// Puts rows to every model of one ensemble and decides one signal per row: all symbols of one bar when serving, many bars of one
// symbol when evaluating the models afterwards. Models run one after the other on the whole batch; an error of one of them costs
// its own votes only.
import { FEATURE_COUNT, FEATURE_NAMES, SEQUENCE_COLUMNS } from '../../features/feature-set.ts';
import { SEQUENCE_STEPS } from '../../market/grid.ts';
import type { StopTimeframe } from '../../models/stop-timeframe.ts';
import type { LoadedEnsemble } from '../../models/use-cases/loaded-ensemble.ts';
import type { LoadedMember, QuarantinedModel } from '../../models/use-cases/loaded-member.ts';
import { abstain, type Vote } from '../../models/vote.ts';
import { decideSignal } from '../decide-signal.ts';
import type { Signal } from '../signal.ts';

/** What one symbol brings to the models at one bar. */
export interface SymbolRow {
  readonly symbol: string;
  readonly barOpenTimeMs: number;
  readonly close: number;
  /** Wilder ATR, 14 bars, price units. */
  readonly atr: number;
  /** Average true range of a stop's timeframe at this bar, price units. */
  readonly stopAtrOf: (timeframe: StopTimeframe) => number;
  /** null where it cannot be told. */
  readonly betaToBitcoin: () => number | null;
  /** float32 [49]: the newest row. */
  readonly tabular: Float32Array;
  /** float32 [96 × 8], oldest row first; undefined where one of the 96 rows does not exist. */
  readonly sequence: Float32Array | undefined;
}

const ATR_COLUMN = FEATURE_NAMES.indexOf('atr_14_pct');
const ATR_RATIO_COLUMN = FEATURE_NAMES.indexOf('atr_ratio');
const SPREAD_COLUMN = FEATURE_NAMES.indexOf('corwin_schultz_20');
const SEQUENCE_COLUMN_INDEXES = SEQUENCE_COLUMNS.map((name) => FEATURE_NAMES.indexOf(name));

/**
 * @param features float32 [steps, 49], the newest row last; a sequence is made of them when there are 96
 * @param bar the newest one; its close in the quote asset. Of 5 minutes the stop's ATR is the signal's own
 */
export function toSymbolRow(
  symbol: string,
  features: Float32Array,
  bar: {
    barOpenTimeMs: number;
    close: number;
    longerAtrOf: (timeframe: Exclude<StopTimeframe, '5m'>) => number;
    betaToBitcoin: () => number | null;
  },
): SymbolRow {
  const { barOpenTimeMs, close, longerAtrOf, betaToBitcoin } = bar;
  const tabular = features.subarray(features.length - FEATURE_COUNT);
  const atr = tabular[ATR_COLUMN]! * close;
  const complete = features.length === SEQUENCE_STEPS * FEATURE_COUNT;
  return {
    symbol,
    barOpenTimeMs,
    close,
    atr,
    stopAtrOf: (timeframe) => (timeframe === '5m' ? atr : longerAtrOf(timeframe)),
    betaToBitcoin,
    tabular,
    sequence: complete ? selectSequence(features) : undefined,
  };
}

/** [96, 49] → [96, 8] */
function selectSequence(features: Float32Array): Float32Array {
  const width = SEQUENCE_COLUMN_INDEXES.length;
  const sequence = new Float32Array(SEQUENCE_STEPS * width);
  for (let step = 0; step < SEQUENCE_STEPS; step++)
    for (let column = 0; column < width; column++)
      sequence[step * width + column] = features[step * FEATURE_COUNT + SEQUENCE_COLUMN_INDEXES[column]!]!;
  return sequence;
}

/** One signal per row, in the order of the rows, and the models that answered none of them. */
export async function askModels(
  { ensemble, serving, quarantined }: LoadedEnsemble,
  rows: readonly SymbolRow[],
): Promise<{ signals: Signal[]; quarantined: QuarantinedModel[] }> {
  const silent = [...quarantined];
  const ballots: Vote[][] = rows.map(() =>
    quarantined.map(({ model, version, reason }) => abstain({ name: model, version }, reason)),
  );
  for (const member of serving) {
    const { votes, failed } = await askModel(member, rows);
    if (failed !== undefined) silent.push(failed);
    votes.forEach((vote, index) => {
      ballots[index]!.push(vote);
    });
  }
  const signals = rows.map(
    ({ symbol, barOpenTimeMs, close, atr, stopAtrOf, tabular, betaToBitcoin }, index) =>
      decideSignal({
        ...{ symbol, barOpenTimeMs, close, atr, betaToBitcoin, ensemble },
        stopAtr: stopAtrOf(ensemble.stopAtrTimeframe),
        atrRatio: tabular[ATR_RATIO_COLUMN]!,
        spreadBps: tabular[SPREAD_COLUMN]! * 10_000,
        votes: ballots[index]!,
      }),
  );
  return { signals, quarantined: silent };
}

async function askModel(
  member: LoadedMember,
  rows: readonly SymbolRow[],
): Promise<{ votes: Vote[]; failed: QuarantinedModel | undefined }> {
  const inputs = rows.map((row) => (member.input.kind === 'tabular' ? row.tabular : row.sequence));
  const present = inputs.filter((input) => input !== undefined);
  if (present.length === 0)
    return { votes: inputs.map(() => abstain(member, 'sequence_incomplete')), failed: undefined };

  const { votes, failed } = await member.predict(concatenate(present), present.length);
  let answered = 0;
  return {
    votes: inputs.map((input) =>
      input === undefined ? abstain(member, 'sequence_incomplete') : votes[answered++]!,
    ),
    failed,
  };
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const width = parts[0]!.length;
  const all = new Float32Array(parts.length * width);
  parts.forEach((part, index) => {
    all.set(part, index * width);
  });
  return all;
}
