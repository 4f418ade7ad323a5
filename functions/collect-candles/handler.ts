// The collect-candles function: started once a day by EventBridge Scheduler. What it has no time for is left to the next run; when
// symbols lag for any other reason the invocation fails, so that its retries resume, and its alarm sounds.
import type { CollectionReport } from '../../lib/market/use-cases/collect-candles.ts';
import {
  type CollectCandlesComposition,
  composeCollectCandles,
} from '../../lib/runtime/compose/collect-candles.ts';
import { COLLECTION_S } from '../../lib/runtime/config/collection.ts';
import { collectCandlesSettings } from '../../lib/runtime/config/function-settings.ts';
import { onLambda } from '../../lib/runtime/lambda.ts';

export interface CollectCandlesResult {
  readonly symbols: number;
  readonly complete: number;
  readonly added: number;
  readonly postponed: number;
}

function createCollectCandlesHandler({
  collect,
  record,
}: Pick<CollectCandlesComposition, 'collect' | 'record'>) {
  return async (): Promise<CollectCandlesResult> => {
    const endsMs = performance.now() + COLLECTION_S * 1000;
    const report = await collect(() => performance.now() >= endsMs);
    record(report);
    const behind = report.symbols.filter(({ outcome }) => outcome === 'lagging' || outcome === 'failed');
    const [first] = behind;
    if (first !== undefined)
      throw new Error(`${behind.length} symbols are behind, ${first.symbol} among them: ${first.message}`);
    return describe(report);
  };
}

function describe({ symbols }: CollectionReport): CollectCandlesResult {
  const count = (outcome: string) => symbols.filter((symbol) => symbol.outcome === outcome).length;
  return {
    symbols: symbols.length,
    complete: count('complete'),
    added: symbols.reduce((sum, { added }) => sum + added, 0),
    postponed: count('postponed'),
  };
}

export const handler = onLambda(() =>
  createCollectCandlesHandler(composeCollectCandles(collectCandlesSettings.read())),
);
