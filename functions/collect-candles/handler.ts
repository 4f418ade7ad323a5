// The collect-candles function: once a day. What it has no time for is left to the next run; when symbols stay behind for any
// other reason the invocation fails, so that its retries take up where it stopped, and its alarm says so.
import type { CollectionReport } from '../../lib/app/collect-candles.ts';
import { type CollectCandlesComposition, composeCollectCandles } from '../../lib/wiring/collect-candles.ts';
import { readCollectCandlesConfiguration } from '../../lib/wiring/configuration.ts';

/** What Lambda says of the run. */
interface RunContext {
  getRemainingTimeInMillis(): number;
}

export interface CollectCandlesResult {
  readonly symbols: number;
  readonly complete: number;
  readonly added: number;
  readonly postponed: number;
}

/** A month of one symbol that has been begun may need so long. */
const RESERVE_MS = 150_000;

/** The handler over a composition; `handler` below is the one that Lambda calls. */
export function createCollectCandlesHandler({
  collect,
  record,
}: Pick<CollectCandlesComposition, 'collect' | 'record'>) {
  return async (_event: unknown, context: RunContext): Promise<CollectCandlesResult> => {
    const report = await collect(() => context.getRemainingTimeInMillis() < RESERVE_MS);
    record(report);
    const behind = report.symbols.filter(({ outcome }) => outcome === 'lagging' || outcome === 'failed');
    const [first] = behind;
    if (first !== undefined)
      throw new Error(`${behind.length} symbols are behind, ${first.symbol} among them: ${first.detail}`);
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

let warm: ReturnType<typeof createCollectCandlesHandler> | undefined;

export const handler = async (event: unknown, context: RunContext): Promise<CollectCandlesResult> => {
  warm ??= createCollectCandlesHandler(composeCollectCandles(readCollectCandlesConfiguration()));
  return warm(event, context);
};
