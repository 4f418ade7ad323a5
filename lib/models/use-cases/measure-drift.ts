// Use case: measure how far the features of the newest bars have drifted from the profile of training.

import type { ObjectStore } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { DrawIndex } from '../../core/statistics/block-bootstrap.ts';
import { type FeatureProfile, featureProfileKey } from '../../features/feature-profile.ts';
import { FEATURE_COUNT } from '../../features/feature-set.ts';
import { countByBin, type FeatureDrift, featureDrift } from '../../features/population-stability.ts';
import { BAR_MS } from '../../market/candle.ts';
import type { CandleSource } from '../../market/ports.ts';
import { columnOver, describeNoRows, type FeatureRows, type RowBlock, readRows } from './feature-rows.ts';
import { readCurrentEnsemble } from './read-ensemble.ts';
import { readFeatureProfile } from './read-profile.ts';

/** Rows of one day share their market: they are drawn together. */
const BLOCK_BARS = 288;
const DRAWS = 1_000;
const LEVEL = 0.95;

/** Closed: why there is no drift report; one line each. */
export interface DriftError {
  readonly code: 'no_ensemble' | 'no_profile' | 'profile_unusable' | 'no_rows';
  readonly message: string;
}

export interface DriftedFeature extends FeatureDrift {
  readonly name: string;
}

export interface DriftReport {
  readonly ensembleId: string;
  readonly featureSetHash: string;
  readonly training: Pick<FeatureProfile, 'fromMs' | 'toMs' | 'rows' | 'symbols'>;
  /** Open times of the first and last bar looked at; symbols with at least one row. */
  readonly recent: {
    readonly fromMs: number;
    readonly toMs: number;
    readonly rows: number;
    readonly symbols: readonly string[];
    /** Blocks of 288 bars that the bootstrap draws from. */
    readonly days: number;
  };
  readonly readings: Readonly<Record<FeatureDrift['reading'], number>>;
  /** The most drifted first. */
  readonly features: readonly DriftedFeature[];
  readonly problems: readonly { readonly symbol: string; readonly message: string }[];
}

/** @param request.toMs the moment looked back from; one bar after the newest candle where undefined */
export async function measureDrift(
  dependencies: {
    readonly source: CandleSource;
    readonly store: ObjectStore;
    readonly drawIndex: DrawIndex;
  },
  request: { readonly symbols: readonly string[]; readonly bars: number; readonly toMs: number | undefined },
): Promise<Result<DriftReport, DriftError>> {
  const { source, store, drawIndex } = dependencies;
  const profile = await readProfile(store);
  if (!profile.ok) return profile;
  const toMs = request.toMs ?? (await newestBarMs(source, request.symbols)) + BAR_MS;
  const range = { fromMs: toMs - request.bars * BAR_MS, toMs };
  const rows = await readRows(source, { symbols: request.symbols, range, strideBars: 1 });
  if (rows.blocks.length === 0) return failure({ code: 'no_rows', message: describeNoRows(rows) });

  const days = groupByDay(rows.blocks, toMs);
  const features = profile.value.features.map((feature, column): DriftedFeature => {
    const actualByBlock = days.map((blocks) => countByBin(feature.bins, columnOver(blocks, column)));
    const drift = featureDrift({
      expected: feature.counts,
      actualByBlock,
      draws: DRAWS,
      level: LEVEL,
      drawIndex,
    })!;
    return { name: feature.name, ...drift };
  });
  return success(reportOf({ profile: profile.value, rows, days: days.length, features }));
}

function reportOf(measured: {
  profile: FeatureProfile;
  rows: FeatureRows;
  days: number;
  features: DriftedFeature[];
}): DriftReport {
  const { profile, rows, days, features } = measured;
  const readings = { stable: 0, moderate: 0, significant: 0 };
  for (const { reading } of features) readings[reading]++;
  return {
    ensembleId: profile.ensembleId,
    featureSetHash: profile.featureSetHash,
    training: {
      fromMs: profile.fromMs,
      toMs: profile.toMs,
      rows: profile.rows,
      symbols: profile.symbols,
    },
    recent: {
      fromMs: rows.fromMs,
      toMs: rows.toMs,
      rows: rows.blocks.reduce((sum, block) => sum + block.features.length / FEATURE_COUNT, 0),
      symbols: rows.symbols,
      days,
    },
    readings,
    features: features.sort((a, b) => b.psi - a.psi),
    problems: rows.problems,
  };
}

async function readProfile(store: ObjectStore): Promise<Result<FeatureProfile, DriftError>> {
  const current = await readCurrentEnsemble(store);
  if (!current.ok) return failure({ code: 'no_ensemble', message: current.error.message });
  const { id } = current.value.ensemble;
  const stored = await readFeatureProfile(store, id);
  if (!stored.ok) return failure({ code: 'profile_unusable', message: stored.error });
  if (stored.value !== undefined) return success(stored.value.profile);
  const message = `${featureProfileKey(id)} is not beside the models: qtrader drift profile makes it`;
  return failure({ code: 'no_profile', message });
}

async function newestBarMs(source: CandleSource, symbols: readonly string[]): Promise<number> {
  let newestMs = 0;
  for (const symbol of symbols) {
    const candles = await source.read(symbol);
    if (candles.ok) newestMs = Math.max(newestMs, candles.value.openTimeMs.at(-1) ?? 0);
  }
  return newestMs;
}

/** Blocks of 288 bars counted back from `toMs`, oldest first; days without a row are left out. */
function groupByDay(blocks: readonly RowBlock[], toMs: number): RowBlock[][] {
  const days = new Map<number, RowBlock[]>();
  for (const { openTimeMs, features } of blocks) {
    let start = 0;
    for (let row = 1; row <= openTimeMs.length; row++) {
      const day = dayBefore(toMs, openTimeMs[start]!);
      if (row < openTimeMs.length && dayBefore(toMs, openTimeMs[row]!) === day) continue;
      const part = {
        openTimeMs: openTimeMs.subarray(start, row),
        features: features.subarray(start * FEATURE_COUNT, row * FEATURE_COUNT),
      };
      days.set(day, [...(days.get(day) ?? []), part]);
      start = row;
    }
  }
  return [...days].sort(([a], [b]) => b - a).map(([, parts]) => parts);
}

/** 0 for the last 288 bars before `toMs`, 1 for those before. */
const dayBefore = (toMs: number, openTimeMs: number): number =>
  Math.floor(((toMs - openTimeMs) / BAR_MS - 1) / BLOCK_BARS);
