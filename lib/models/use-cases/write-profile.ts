// Use case: remember how the features looked in training, as the profile of the active ensemble. Drift is measured against it.

import type { ObjectStore } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { type FeatureProfile, featureProfileKey } from '../../features/feature-profile.ts';
import { FEATURE_COUNT, FEATURE_NAMES, FEATURE_SET_HASH } from '../../features/feature-set.ts';
import { countByBin, fitFeatureBins } from '../../features/population-stability.ts';
import type { OpenTimeRange } from '../../market/bar-range.ts';
import { BAR_MS } from '../../market/candle.ts';
import type { CandleSource } from '../../market/ports.ts';
import { type Ensemble, manifestKey } from '../ensemble.ts';
import { parseManifest } from '../parse-document.ts';
import { columnOver, describeNoRows, type FeatureRows, readRows } from './feature-rows.ts';
import { readCurrentEnsemble } from './read-ensemble.ts';

/**
 * A profile needs no neighbouring bars, which share almost everything. A stride without a common factor with an hour's 12 bars
 * or a day's 288 leaves no time of the hour or day out.
 */
const PROFILE_STRIDE_BARS = 7;

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

/**
 * Writes the profile of the active ensemble. Throws StoreError when the store cannot be written.
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
