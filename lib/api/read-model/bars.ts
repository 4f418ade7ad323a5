// What was decided of the whole market, bar by bar: how many symbols act, hold and abstain, and how far the models agree.
import * as z from 'zod';
import type { InferRun } from '../../inference/infer-run.ts';
import type { SignalStore } from '../../inference/ports.ts';
import { ABSTENTION_REASONS, type AbstentionReason } from '../../market/abstention.ts';
import type { barsQuerySchema } from '../read-queries.ts';

export const barsAnswerSchema = z.strictObject({
  bars: z.array(
    z.strictObject({
      barOpenTimeMs: z.int(),
      actions: z.strictObject({ SELL: z.int(), HOLD: z.int(), BUY: z.int() }),
      abstained: z.int().min(0),
      abstentions: z.partialRecord(
        z.enum(Object.keys(ABSTENTION_REASONS) as [AbstentionReason]),
        z.int().positive(),
      ),
      meanConsensus: z
        .number()
        .nullable()
        .describe('Mean share of the models that agree, over the signals of the bar; null without any.'),
      missingShards: z
        .int()
        .min(0)
        .describe('Shards that have no run of this bar: their symbols are not counted.'),
    }),
  ),
});
type Bar = z.infer<typeof barsAnswerSchema>['bars'][number];

/** Newest first. A bar that no shard has decided is not there. Throws StoreError. */
export async function readBars(
  { signals, shards }: { readonly signals: SignalStore; readonly shards: number },
  { count }: z.infer<typeof barsQuerySchema>,
): Promise<z.infer<typeof barsAnswerSchema>> {
  const runs = await Promise.all(
    Array.from({ length: shards }, (_, shard) => signals.lastRuns({ shard, shardCount: shards, count })),
  );
  const byBar = new Map<number, InferRun[]>();
  for (const run of runs.flat()) byBar.set(run.barOpenTimeMs, [...(byBar.get(run.barOpenTimeMs) ?? []), run]);
  return {
    bars: [...byBar]
      .sort(([a], [b]) => b - a)
      .slice(0, count)
      .map(([barOpenTimeMs, ofBar]) => describeBar(barOpenTimeMs, ofBar, shards)),
  };
}

function describeBar(barOpenTimeMs: number, runs: readonly InferRun[], shards: number): Bar {
  const sum = (of: (run: InferRun) => number) => runs.reduce((total, run) => total + of(run), 0);
  const signalsOf = ({ actions }: InferRun) => actions.SELL + actions.HOLD + actions.BUY;
  const abstentions: Bar['abstentions'] = {};
  for (const { abstained } of runs.flatMap((run) => run.abstentions))
    abstentions[abstained] = (abstentions[abstained] ?? 0) + 1;
  const agreeing = runs.filter(({ meanConsensus }) => meanConsensus !== null);
  const weight = agreeing.reduce((total, run) => total + signalsOf(run), 0);
  return {
    barOpenTimeMs,
    actions: {
      SELL: sum(({ actions }) => actions.SELL),
      HOLD: sum(({ actions }) => actions.HOLD),
      BUY: sum(({ actions }) => actions.BUY),
    },
    abstained: sum((run) => run.abstentions.length),
    abstentions,
    meanConsensus:
      weight === 0
        ? null
        : agreeing.reduce((total, run) => total + run.meanConsensus! * signalsOf(run), 0) / weight,
    missingShards: shards - runs.length,
  };
}
