// Reads what `qtrader backtest --json` wrote, and compares two or more such runs: what differs between them, and whether their days
// tell them apart.
import * as z from 'zod';
import { failure, type Result, success } from '../core/result.ts';
import { blockBootstrap, type DrawIndex, type Interval } from '../core/statistics/block-bootstrap.ts';
import { dailyReturns } from '../risk/equity-curve.ts';
import { type BacktestSettings, describeSettings } from './backtest-settings.ts';

const figure = z.number().nullable();

const settingsSchema = z.object({
  feeBps: z.number(),
  slippageBps: z.number(),
  fundingBpsPer8h: z.number(),
  edgeThresholdBps: z.number(),
  stopAtrMultiple: z.number(),
  positionsMax: z.number(),
  capitalFraction: z.number(),
  positionFractionMax: z.number(),
  targetDailyVolatility: z.number(),
  sideFractionMax: z.number(),
  netBetaFractionMax: z.number(),
  longOnly: z.boolean(),
}) satisfies z.ZodType<BacktestSettings>;

/** The part of a report that is compared. */
const savedBacktestSchema = z.object({
  ensembleId: z.string(),
  range: z.object({ fromMs: z.int(), toMs: z.int() }),
  inSample: z.union([z.boolean(), z.literal('partly')]),
  symbols: z.array(z.string()),
  settings: settingsSchema,
  decisions: z.int(),
  summary: z.object({
    trades: z.int(),
    winRate: figure,
    profitFactor: figure,
    totalReturn: figure,
    sharpe: figure,
    maxDrawdown: z.object({ fraction: z.number() }).nullable(),
  }),
  bookedLedger: z.object({
    depositUsdt: z.number(),
    feesUsdt: z.number(),
    fundingUsdt: z.number(),
    equityUsdt: z.number(),
  }),
  equity: z.object({ timeMs: z.array(z.int()).min(1), equityUsdt: z.array(z.number()).min(1) }),
});
export type SavedBacktest = z.infer<typeof savedBacktestSchema>;

/** Fails with one line. @param name of the file, for the message */
export function parseBacktest(text: string, name: string): Result<SavedBacktest, string> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return failure(`${name} is not JSON: write it with qtrader backtest --json`);
  }
  const parsed = savedBacktestSchema.safeParse(json);
  if (!parsed.success) {
    const where = parsed.error.issues[0]!.path.join('.') || 'its top';
    return failure(`${name} is no backtest as qtrader backtest --json writes it (see ${where})`);
  }
  const { timeMs, equityUsdt } = parsed.data.equity;
  const isCurve =
    timeMs.length === equityUsdt.length && timeMs.every((ms, at) => at === 0 || ms > timeMs[at - 1]!);
  return isCurve ? success(parsed.data) : failure(`${name} has an equity curve whose times do not ascend`);
}

export interface ComparedRun {
  readonly name: string;
  readonly run: SavedBacktest;
  /** What is set otherwise than in the first run, in words; empty where nothing is. */
  readonly changes: string;
  /** Mean of the differences of the days from the first run; undefined for the first, and where the ranges differ. */
  readonly dailyDifference: number | undefined;
  /** 95 %, days drawn with replacement; undefined for fewer than 5 days. */
  readonly dailyDifferenceInterval: Interval | undefined;
}

export interface BacktestComparison {
  readonly runs: readonly ComparedRun[];
  /** One line for each thing that makes the figures no measure of the settings alone. */
  readonly warnings: readonly string[];
}

/** @param saved at least two, the first being compared with */
export function compareBacktests(
  saved: readonly { readonly name: string; readonly run: SavedBacktest }[],
  drawIndex: DrawIndex,
): BacktestComparison {
  const first = saved[0]!.run;
  return {
    runs: saved.map(({ name, run }, index) => ({
      name,
      run,
      changes: describeSettings(run.settings, first.settings),
      ...(index === 0 || !sameRange(run, first)
        ? { dailyDifference: undefined, dailyDifferenceInterval: undefined }
        : differenceOf(run, first, drawIndex)),
    })),
    warnings: saved.slice(1).flatMap(({ name, run }) => warningsOf(name, run, first)),
  };
}

const sameRange = (a: SavedBacktest, b: SavedBacktest): boolean =>
  a.range.fromMs === b.range.fromMs && a.range.toMs === b.range.toMs;

function differenceOf(run: SavedBacktest, first: SavedBacktest, drawIndex: DrawIndex) {
  const [own, base] = [run, first].map(({ equity }) => dailyReturns(equity).map(({ value }) => value));
  const days = Math.max(own!.length, base!.length);
  const differences = Array.from({ length: days }, (_, day) => (own![day] ?? 0) - (base![day] ?? 0));
  return {
    dailyDifference: days === 0 ? undefined : differences.reduce((sum, value) => sum + value, 0) / days,
    dailyDifferenceInterval: blockBootstrap({
      blocks: differences.map((value) => [1, value]),
      statistic: ([count, sum]) => sum! / count!,
      ...{ draws: 2_000, level: 0.95, drawIndex },
    }),
  };
}

function warningsOf(name: string, run: SavedBacktest, first: SavedBacktest): string[] {
  return [
    ...(sameRange(run, first) ? [] : [`${name} is of another range: its figures cannot be compared`]),
    ...(run.symbols.join() === first.symbols.join() ? [] : [`${name} trades other symbols`]),
    ...(run.ensembleId === first.ensembleId ? [] : [`${name} is of another ensemble, ${run.ensembleId}`]),
    ...(run.bookedLedger.depositUsdt === first.bookedLedger.depositUsdt
      ? []
      : [`${name} starts with another deposit`]),
  ];
}
