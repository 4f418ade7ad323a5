// The one step that AWS makes between two functions: what infer returns is what execute starts with.
import { describe, expect, it } from 'vitest';
import { createInferHandler } from '../../functions/infer/handler.ts';
import { executeEventSchema, inferEventSchema } from '../../lib/inference/infer-events.ts';
import { FIRST_BAR_MS, runOf, signalOf } from '../support/inference/sample-signals.ts';

const infer = createInferHandler({
  inferShard: async (shard) => ({
    run: runOf(FIRST_BAR_MS, shard),
    signals: [signalOf('AUSDT', FIRST_BAR_MS)],
  }),
  record: () => undefined,
  close: async () => undefined,
});

describe('the step from infer to execute', () => {
  it('hands over the bar and shard that were decided, bare or in the envelope of Lambda', async () => {
    const decided = JSON.parse(JSON.stringify(await infer({ shard: 1, shardCount: 3 })));
    expect(decided).toEqual({
      barOpenTimeMs: FIRST_BAR_MS,
      shard: 1,
      shardCount: 3,
      ensembleId: 'e20240728_000000',
      featureSetHash: 'ab'.repeat(32),
      written: 1,
      alreadyDecided: 0,
      symbols: ['AUSDT'],
    });
    const envelope = { version: '1.0', requestContext: { condition: 'Success' }, responsePayload: decided };
    expect(executeEventSchema.parse(decided)).toEqual(decided);
    expect(executeEventSchema.parse(envelope)).toEqual(decided);
  });

  it('is not made by an event that lacks any part of it', async () => {
    const decided: Record<string, unknown> = { ...(await infer({})) };
    for (const field of Object.keys(decided)) {
      const { [field]: _, ...rest } = decided;
      expect(executeEventSchema.safeParse(rest).success, field).toBe(false);
      expect(executeEventSchema.safeParse({ responsePayload: rest }).success, field).toBe(false);
    }
  });
});

describe('the schedule', () => {
  it('starts the only shard when it names none, and no shard beyond their number', () => {
    expect(inferEventSchema.parse({ time: '2024-08-05T12:00:00Z' })).toEqual({ shard: 0, shardCount: 1 });
    expect(inferEventSchema.safeParse({ shard: 3, shardCount: 3 }).success).toBe(false);
    expect(inferEventSchema.safeParse({ shard: 0.5 }).success).toBe(false);
  });
});
