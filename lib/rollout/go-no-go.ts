// Whether paper trading has earned more trust: a pure function from evidence to GO or NO_GO. Money follows its answer, so
// whatever is undefined, implausible or too little is NO_GO.

/** What GO demands. Closed: reports, alarms and sign-offs name these. */
export const GO_CRITERIA = {
  window: 'the evidence spans 24 to 48 hours',
  coverage: 'at least 95 % of the bars in the window were decided',
  sample: 'at least 10 positions were opened',
  feature_mismatches: 'no feature-mismatch error',
  model_load_failures: 'no model-load failure',
  agreement: 'XGBoost and LightGBM agree on more than 70 % of signals (below 50 %: breach)',
  confidence: 'mean confidence is above 0.6',
  daily_drawdown: 'the worst daily drawdown is below 5 % (above 10 %: breach)',
  stop_hits: 'stop-loss hits are below 10 % of positions',
  profit: 'the simulated profit is positive',
  memory: 'memory stays below 2 GB',
  latency: 'latency stays below 100 ms per symbol',
} as const;
export type GoCriterion = keyof typeof GO_CRITERIA;

/** Measured over one window of paper trading; undefined = not measured. Every member may hold anything: it is judged. */
export interface GoNoGoEvidence {
  readonly windowHours: number | undefined;
  readonly barsExpected: number | undefined;
  readonly barsDecided: number | undefined;
  readonly positionsOpened: number | undefined;
  readonly stopLossHits: number | undefined;
  readonly featureMismatches: number | undefined;
  readonly modelLoadFailures: number | undefined;
  /** Share of signals, 0…1, on which XGBoost and LightGBM lean to the same side. */
  readonly agreementXgbLgbm: number | undefined;
  /** 0…1 */
  readonly meanConfidence: number | undefined;
  /** Deepest fall within one UTC day, as a share of equity, ≥ 0. */
  readonly worstDailyDrawdown: number | undefined;
  /** Net of fees, slippage and funding. */
  readonly profitUsdt: number | undefined;
  readonly memoryBytesMax: number | undefined;
  readonly latencyMsPerSymbol: number | undefined;
}

/** `not_met`: no GO yet. `breach`: a NO-GO bound is broken, the rollout steps down. `unknown`: not measured, or impossible. */
export type CriterionStatus = 'met' | 'not_met' | 'breach' | 'unknown';

export interface CriterionResult {
  readonly criterion: GoCriterion;
  readonly status: CriterionStatus;
  /** The figure judged; undefined when unknown. */
  readonly value: number | undefined;
}

export type GoNoGo =
  | { readonly verdict: 'GO'; readonly results: readonly CriterionResult[] }
  | {
      readonly verdict: 'NO_GO';
      readonly results: readonly CriterionResult[];
      /** Criteria that are not met, never empty. */
      readonly criteria: readonly GoCriterion[];
      /** Those of them whose NO-GO bound is broken. */
      readonly breaches: readonly GoCriterion[];
    };

const WINDOW_HOURS_MIN = 24;
const WINDOW_HOURS_MAX = 48;
const COVERAGE_MIN = 0.95;
const POSITIONS_MIN = 10;
/** Decimal, the stricter reading of "2 GB". */
const MEMORY_BYTES_LIMIT = 2_000_000_000;
const LATENCY_MS_LIMIT = 100;

/** Total: any evidence has a verdict. GO needs every criterion met; unknown counts as not met. */
export function decideGoNoGo(evidence: GoNoGoEvidence): GoNoGo {
  const results = judge(evidence);
  const criteria = results.filter(({ status }) => status !== 'met').map(({ criterion }) => criterion);
  if (criteria.length === 0) return { verdict: 'GO', results };
  const breaches = results.filter(({ status }) => status === 'breach').map(({ criterion }) => criterion);
  return { verdict: 'NO_GO', results, criteria, breaches };
}

type Rule = (value: number) => CriterionStatus;
/** Short of it there is no GO yet. */
const orNotYet =
  (holds: (value: number) => boolean): Rule =>
  (value) =>
    holds(value) ? 'met' : 'not_met';
/** Short of it is a NO-GO by itself. */
const orBreach =
  (holds: (value: number) => boolean): Rule =>
  (value) =>
    holds(value) ? 'met' : 'breach';

function judge(seen: GoNoGoEvidence): CriterionResult[] {
  const bars = ratio(seen.barsDecided, seen.barsExpected);
  const stops = ratio(seen.stopLossHits, seen.positionsOpened);
  return [
    result(
      'window',
      amount(seen.windowHours),
      orNotYet((h) => h >= WINDOW_HOURS_MIN && h <= WINDOW_HOURS_MAX),
    ),
    result(
      'coverage',
      bars,
      orNotYet((share) => share >= COVERAGE_MIN),
    ),
    result(
      'sample',
      count(seen.positionsOpened),
      orNotYet((positions) => positions >= POSITIONS_MIN),
    ),
    result(
      'feature_mismatches',
      count(seen.featureMismatches),
      orBreach((errors) => errors === 0),
    ),
    result(
      'model_load_failures',
      count(seen.modelLoadFailures),
      orBreach((failures) => failures === 0),
    ),
    result(
      'agreement',
      share(seen.agreementXgbLgbm),
      between({ breach: (v) => v < 0.5, met: (v) => v > 0.7 }),
    ),
    result(
      'confidence',
      share(seen.meanConfidence),
      orNotYet((confidence) => confidence > 0.6),
    ),
    result(
      'daily_drawdown',
      amount(seen.worstDailyDrawdown),
      between({ breach: (v) => v > 0.1, met: (v) => v < 0.05 }),
    ),
    result(
      'stop_hits',
      stops,
      orNotYet((hits) => hits < 0.1),
    ),
    result(
      'profit',
      finite(seen.profitUsdt),
      orNotYet((profit) => profit > 0),
    ),
    result(
      'memory',
      amount(seen.memoryBytesMax),
      orBreach((bytes) => bytes < MEMORY_BYTES_LIMIT),
    ),
    result(
      'latency',
      amount(seen.latencyMsPerSymbol),
      orBreach((ms) => ms < LATENCY_MS_LIMIT),
    ),
  ];
}

function between(bounds: { breach: (value: number) => boolean; met: (value: number) => boolean }): Rule {
  return (value) => (bounds.breach(value) ? 'breach' : bounds.met(value) ? 'met' : 'not_met');
}

const result = (criterion: GoCriterion, value: number | undefined, rule: Rule): CriterionResult => ({
  criterion,
  status: value === undefined ? 'unknown' : rule(value),
  value,
});

// What cannot be a measurement of its kind is as good as not measured.
const finite = (value: number | undefined) =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;
const amount = (value: number | undefined) => within(finite(value), Number.MAX_VALUE);
const share = (value: number | undefined) => within(finite(value), 1);
const count = (value: number | undefined) =>
  Number.isInteger(value) ? within(value, Number.MAX_VALUE) : undefined;

function within(value: number | undefined, most: number): number | undefined {
  return value !== undefined && value >= 0 && value <= most ? value : undefined;
}

function ratio(part: number | undefined, whole: number | undefined): number | undefined {
  const counted = count(part);
  const of = count(whole);
  return counted === undefined || of === undefined || of === 0 ? undefined : share(counted / of);
}
