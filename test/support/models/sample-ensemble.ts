// An ensemble as it is stored, for tests that need one and say what matters to them.
import { FEATURE_SET_HASH } from '../../../lib/features/feature-set.ts';
import type { Ensemble } from '../../../lib/models/ensemble.ts';

export const MODEL_VERSION = 'v20240728_000000';

export const memberOf = (name: string, weight = 1): Ensemble['members'][number] => ({
  name,
  version: MODEL_VERSION,
  sha256: 'a'.repeat(64),
  manifestSha256: 'b'.repeat(64),
  versionId: null,
  weight,
});

export const ensembleOf = (members: Ensemble['members'], change: Partial<Ensemble> = {}): Ensemble => ({
  schemaVersion: 1,
  id: 'e20240728_000000',
  featureSetHash: FEATURE_SET_HASH,
  label: { kind: 'triple_barrier', horizonBars: 12, atrMultiple: 2, minBarrierBps: 30 },
  members,
  costs: { feeBps: 5, slippageBps: 2 },
  edgeThresholdBps: 10,
  confidence: { scores: [-1, 1], probabilities: [0.3, 0.7], rows: 1000, days: 30 },
  stopAtrMultiple: 1.5,
  stopAtrTimeframe: '5m',
  sizingPolicy: null,
  holdBars: 12,
  ...change,
});
