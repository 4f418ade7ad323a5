// One shard of infer in a process of its own, as Lambda keeps it: started once, called for every bar. Ends with its parent.
import type { InferRun } from '../lib/inference/infer-run.ts';
import { composeInfer, type InferComposition } from '../lib/runtime/compose/infer.ts';
import { localTradingSettings } from '../lib/runtime/config/local-settings.ts';
import type { ShardOrder } from './scale.ts';

/** By the exchange that it asks. */
const compositions = new Map<string, InferComposition>();
let nowMs = 0;

process.on('message', async (order: ShardOrder) => {
  const { endpoints, exchangeUrl, shard, shardCount } = order;
  nowMs = order.nowMs;
  const composition =
    compositions.get(exchangeUrl) ??
    composeInfer(localTradingSettings({ exchange: 'binanceusdm', exchangeUrl }), {
      endpoints,
      clock: { nowMs: () => nowMs },
      // Bars are five minutes apart in truth, so none uses up the next one’s requests.
      isReplay: true,
    });
  compositions.set(exchangeUrl, composition);
  process.send?.(
    await asLambdaRetries(() => composition.inferShard({ shard, shardCount }).then(({ run }) => run)),
  );
});
/** A run that fails, or leaves signals unwritten, is repeated twice. */
async function asLambdaRetries(work: () => Promise<InferRun>): Promise<InferRun> {
  for (let retriesLeft = 2; ; retriesLeft--) {
    const run = await work().catch((error: unknown) => {
      if (retriesLeft === 0) throw error;
      return undefined;
    });
    if (run !== undefined && (run.unwritten.length === 0 || retriesLeft === 0)) return run;
  }
}

process.once('disconnect', () => process.exit());
