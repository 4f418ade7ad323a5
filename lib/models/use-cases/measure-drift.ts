// Use cases: remember how the features looked in training (writeFeatureProfile), and say how far the newest bars look different
// (measureDrift). Both go through the serving features and its judgement of which bars have a row.

import type { ObjectStore } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { DrawIndex } from '../../core/statistics/block-bootstrap.ts';
import { computeFeatures } from '../../features/compute-features.ts';
import { type FeatureProfile, featureProfileKey } from '../../features/feature-profile.ts';
import { FEATURE_COUNT, FEATURE_NAMES, FEATURE_SET_HASH } from '../../features/feature-set.ts';
import {
  countByBin,
  type FeatureDrift,
  featureDrift,
  fitFeatureBins,
} from '../../features/population-stability.ts';
import type { OpenTimeRange } from '../../market/bar-range.ts';
import { BAR_MS } from '../../market/candle.ts';
import { type CandleSeries, countUntil, sliceSeries } from '../../market/candle-series.ts';
import { checkBars, fillGaps } from '../../market/grid.ts';
import type { CandleSource } from '../../market/ports.ts';
import { type Ensemble, manifestKey } from '../ensemble.ts';
import { parseManifest } from '../parse-document.ts';
import { readCurrentEnsemble } from './read-ensemble.ts';
import { readFeatureProfile } from './read-profile.ts';

/**
 * A profile needs no neighbouring bars, which share almost everything. A stride without a common factor with an hour's 12 bars
 * or a day's 288 leaves no time of the hour or day out.
 */
const PROFILE_STRIDE_BARS = 7;
/** Rows of one day share their market: they are drawn together. */
const BLOCK_BARS = 288;
const DRAWS = 1_000;
const LEVEL = 0.95;

/** Closed: why there is no drift report; one line each. */
export interface DriftError {
  readonly code: 'no_ensemble' | 'no_profile' | 'profile_unusable' | 'no_rows';
  readonly message: string;
}
/** Closed: why no profile was written. */
export interface ProfileError {
  readonly code: 'no_ensemble' | 'profile_differs' | 'no_rows';
  readonly message: string;
}

export interface ProfileOutcome {
  readonly key: string;
  readonly profile: FeatureProfile;
  readonly stored: 'written' | 'same_as_before';
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
  readonly failures: readonly { readonly symbol: string; readonly message: string }[];
}

/**
 * Writes the profile of the ensemble in force. Throws StoreError when the store cannot be written.
 * @param request.symbols those that the models were trained on, where undefined
 * @param request.range from the models' first training bar to their last, where undefined
 * @param request.replace overwrite another profile of the same ensemble
 */
export async function writeFeatureProfile(
  { source, store }: { readonly source: CandleSource; readonly store: ObjectStore },
  request: {
    readonly available: readonly string[];
    readonly symbols: readonly string[] | undefined;
    readonly range: OpenTimeRange;
    readonly replace: boolean;
  },
): Promise<Result<ProfileOutcome, ProfileError>> {
  const current = await readCurrentEnsemble(store);
  if (!current.ok) return failure({ code: 'no_ensemble', message: current.error.message });
  const { ensemble } = current.value;
  const trained = await readTraining(store, ensemble);
  if (!trained.ok) return failure({ code: 'no_ensemble', message: trained.error });
  const symbols = request.symbols ?? trained.value.symbols;
  const unknown = symbols.filter((symbol) => !request.available.includes(symbol));
  if (unknown.length > 0) {
    const message = `the models were trained on ${unknown.slice(0, 5).join(', ')}, which are not in the folder: give --symbols`;
    return failure({ code: 'no_rows', message });
  }
  const range = {
    fromMs: request.range.fromMs ?? trained.value.fromMs,
    toMs: request.range.toMs ?? trained.value.toMs + BAR_MS,
  };
  const rows = await readRows(source, { symbols, range, strideBars: PROFILE_STRIDE_BARS });
  if (rows.blocks.length === 0) return failure({ code: 'no_rows', message: describeNoRows(rows) });
  const profile = profileOf(ensemble, rows);
  return storeProfile(store, profile, request.replace);
}

/** What the members' manifests say they were trained on, together. */
async function readTraining(
  store: ObjectStore,
  ensemble: Ensemble,
): Promise<Result<{ fromMs: number; toMs: number; symbols: string[] }, string>> {
  const symbols = new Set<string>();
  let fromMs = Number.POSITIVE_INFINITY;
  let toMs = Number.NEGATIVE_INFINITY;
  for (const member of ensemble.members) {
    const key = manifestKey(member);
    const stored = await store.get(key);
    if (stored === undefined) return failure(`${key} is not in the store`);
    const manifest = parseManifest(stored.body, key);
    if (!manifest.ok) return manifest;
    const { training } = manifest.value;
    fromMs = Math.min(fromMs, training.fromMs);
    toMs = Math.max(toMs, training.toMs);
    for (const symbol of training.symbols) symbols.add(symbol);
  }
  return success({ fromMs, toMs, symbols: [...symbols].sort() });
}

function profileOf(ensemble: Ensemble, { blocks, symbols, fromMs, toMs }: FeatureRows): FeatureProfile {
  const rows = blocks.reduce((sum, block) => sum + block.features.length / FEATURE_COUNT, 0);
  return {
    schemaVersion: 1,
    ensembleId: ensemble.id,
    featureSetHash: FEATURE_SET_HASH,
    fromMs,
    toMs,
    symbols,
    rows,
    features: FEATURE_NAMES.map((name, column) => {
      const values = columnOver(blocks, column);
      const bins = fitFeatureBins(values);
      return { name, bins, counts: [...countByBin(bins, values)] } as FeatureProfile['features'][number];
    }),
  };
}

async function storeProfile(
  store: ObjectStore,
  profile: FeatureProfile,
  replace: boolean,
): Promise<Result<ProfileOutcome, ProfileError>> {
  const key = featureProfileKey(profile.ensembleId);
  const body = new TextEncoder().encode(`${JSON.stringify(profile)}\n`);
  const put = await store.put(key, body, replace ? undefined : { ifAbsent: true });
  if (put.outcome === 'stored') return success({ key, profile, stored: 'written' });
  const existing = await store.get(key);
  if (existing !== undefined && Buffer.from(existing.body).equals(body))
    return success({ key, profile, stored: 'same_as_before' });
  return failure({ code: 'profile_differs', message: `${key} holds another profile; nothing was changed` });
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
    failures: rows.failures,
  };
}

async function readProfile(store: ObjectStore): Promise<Result<FeatureProfile, DriftError>> {
  const current = await readCurrentEnsemble(store);
  if (!current.ok) return failure({ code: 'no_ensemble', message: current.error.message });
  const { id } = current.value.ensemble;
  const stored = await readFeatureProfile(store, id);
  if (!stored.ok) return failure({ code: 'profile_unusable', message: stored.error });
  if (stored.value !== undefined) return success(stored.value.profile);
  const message = `${featureProfileKey(id)} is not beside the models: qt drift profile makes it`;
  return failure({ code: 'no_profile', message });
}

/** Rows of one symbol: features [rows, 49] and the bars' open times. */
interface RowBlock {
  readonly openTimeMs: Float64Array;
  readonly features: Float32Array;
}

interface FeatureRows {
  /** Of symbols with at least one row. */
  readonly blocks: readonly RowBlock[];
  readonly symbols: string[];
  /** Open times of the first and last row. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly failures: readonly { readonly symbol: string; readonly message: string }[];
}

/** A symbol whose candles cannot be used is reported and left out. */
async function readRows(
  source: CandleSource,
  query: {
    readonly symbols: readonly string[];
    readonly range: { readonly fromMs: number; readonly toMs: number };
    readonly strideBars: number;
  },
): Promise<FeatureRows> {
  const blocks: RowBlock[] = [];
  const symbols: string[] = [];
  const failures: { symbol: string; message: string }[] = [];
  for (const symbol of query.symbols) {
    const candles = await source.read(symbol);
    if (!candles.ok) {
      failures.push({ symbol, message: candles.error });
      continue;
    }
    const block = rowsOfSymbol(candles.value, query);
    if (block.openTimeMs.length === 0) continue;
    blocks.push(block);
    symbols.push(symbol);
  }
  const fromMs = Math.min(...blocks.map(({ openTimeMs }) => openTimeMs[0]!));
  const toMs = Math.max(...blocks.map(({ openTimeMs }) => openTimeMs.at(-1)!));
  return { blocks, symbols, fromMs, toMs, failures };
}

function rowsOfSymbol(
  candles: CandleSeries,
  { range, strideBars }: { range: { fromMs: number; toMs: number }; strideBars: number },
): RowBlock {
  const grid = fillGaps(sliceSeries(candles, 0, countUntil(candles, range.toMs - 1)));
  const verdicts = checkBars(grid);
  const bars: number[] = [];
  for (let bar = countUntil(grid, range.fromMs - 1); bar < grid.length; bar++) {
    const isKept = (grid.openTimeMs[bar]! / BAR_MS) % strideBars === 0;
    if (isKept && verdicts[bar] === undefined) bars.push(bar);
  }
  if (bars.length === 0) return { openTimeMs: new Float64Array(0), features: new Float32Array(0) };
  const from = bars[0]!;
  const all = computeFeatures(grid, { from, to: bars.at(-1)! + 1 });
  const features = new Float32Array(bars.length * FEATURE_COUNT);
  bars.forEach((bar, row) => {
    const start = (bar - from) * FEATURE_COUNT;
    features.set(all.subarray(start, start + FEATURE_COUNT), row * FEATURE_COUNT);
  });
  return { openTimeMs: Float64Array.from(bars, (bar) => grid.openTimeMs[bar]!), features };
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

function columnOver(blocks: readonly RowBlock[], column: number): Float32Array {
  const values = new Float32Array(blocks.reduce((sum, { openTimeMs }) => sum + openTimeMs.length, 0));
  let next = 0;
  for (const { features } of blocks)
    for (let start = column; start < features.length; start += FEATURE_COUNT)
      values[next++] = features[start]!;
  return values;
}

function describeNoRows({ failures }: FeatureRows): string {
  const unusable = failures.map(({ symbol, message }) => `${symbol}: ${message}`).join('; ');
  return `no bar of that time has a row (too short a history, or no candles)${unusable && `; ${unusable}`}`;
}
