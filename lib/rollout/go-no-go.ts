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
  confidence: 'mean confidence of at least 10 acting signals is above 0.6',
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
  readonly actingSignals: number | undefined;
  /** Mean calibrated probability of a net profit, over the acting signals, 0…1. */
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
/** A mean over fewer says nothing about how the ensemble decides. */
const ACTING_SIGNALS_MIN = 10;
/** Decimal, the stricter reading of "2 GB". */
const MEMORY_BYTES_LIMIT = 2_000_000_000;
const LATENCY_MS_LIMIT = 100;

interface Rule {
  readonly value: (seen: GoNoGoEvidence) => number | undefined;
  readonly met: (value: number) => boolean;
  /** A NO-GO by itself. */
  readonly breach?: (value: number) => boolean;
}

const RULES: Readonly<Record<GoCriterion, Rule>> = {
  window: { value: (e) => amount(e.windowHours), met: (h) => h >= WINDOW_HOURS_MIN && h <= WINDOW_HOURS_MAX },
  coverage: { value: (e) => ratio(e.barsDecided, e.barsExpected), met: (v) => v >= COVERAGE_MIN },
  sample: { value: (e) => count(e.positionsOpened), met: (n) => n >= POSITIONS_MIN },
  feature_mismatches: { value: (e) => count(e.featureMismatches), met: (n) => n === 0, breach: (n) => n > 0 },
  model_load_failures: {
    value: (e) => count(e.modelLoadFailures),
    met: (n) => n === 0,
    breach: (n) => n > 0,
  },
  agreement: { value: (e) => share(e.agreementXgbLgbm), met: (v) => v > 0.7, breach: (v) => v < 0.5 },
  confidence: {
    value: (e) => ((count(e.actingSignals) ?? 0) < ACTING_SIGNALS_MIN ? undefined : share(e.meanConfidence)),
    met: (v) => v > 0.6,
  },
  daily_drawdown: {
    value: (e) => amount(e.worstDailyDrawdown),
    met: (v) => v < 0.05,
    breach: (v) => v > 0.1,
  },
  stop_hits: { value: (e) => ratio(e.stopLossHits, e.positionsOpened), met: (v) => v < 0.1 },
  profit: { value: (e) => finite(e.profitUsdt), met: (usdt) => usdt > 0 },
  memory: {
    value: (e) => amount(e.memoryBytesMax),
    met: (bytes) => bytes < MEMORY_BYTES_LIMIT,
    breach: (bytes) => bytes >= MEMORY_BYTES_LIMIT,
  },
  latency: {
    value: (e) => amount(e.latencyMsPerSymbol),
    met: (ms) => ms < LATENCY_MS_LIMIT,
    breach: (ms) => ms >= LATENCY_MS_LIMIT,
  },
};

/** Total: any evidence has a verdict. GO needs every criterion met; unknown counts as not met. */
export function decideGoNoGo(evidence: GoNoGoEvidence): GoNoGo {
  const results = (Object.keys(GO_CRITERIA) as GoCriterion[]).map((criterion) => assess(criterion, evidence));
  const criteria = results.filter(({ status }) => status !== 'met').map(({ criterion }) => criterion);
  if (criteria.length === 0) return { verdict: 'GO', results };
  const breaches = results.filter(({ status }) => status === 'breach').map(({ criterion }) => criterion);
  return { verdict: 'NO_GO', results, criteria, breaches };
}

function assess(criterion: GoCriterion, evidence: GoNoGoEvidence): CriterionResult {
  const rule = RULES[criterion];
  const value = rule.value(evidence);
  if (value === undefined) return { criterion, status: 'unknown', value };
  const status = rule.breach?.(value) ? 'breach' : rule.met(value) ? 'met' : 'not_met';
  return { criterion, status, value };
}

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
  // A share of nothing is NaN or infinite, and so not measured either.
  return counted === undefined || of === undefined ? undefined : share(counted / of);
}
