// The refresh-universe function: started once a day by EventBridge Scheduler. When the exchange's answer cannot be used the active
// universe stays, and the invocation fails, for its retries and its alarm; infer continues with the active universe.

import {
  composeRefreshUniverse,
  type RefreshUniverseComposition,
} from '../../lib/runtime/compose/refresh-universe.ts';
import { refreshUniverseSettings } from '../../lib/runtime/config/function-settings.ts';
import { onLambda } from '../../lib/runtime/lambda.ts';

export interface RefreshUniverseResult {
  readonly outcome: 'changed' | 'confirmed';
  readonly asOf: string;
  readonly symbols: number;
  readonly entering: readonly string[];
  readonly leaving: readonly string[];
}

/** The handler over a composition; `handler` below is the one that Lambda calls. */
export function createRefreshUniverseHandler({
  refresh,
  record,
}: Pick<RefreshUniverseComposition, 'refresh' | 'record'>) {
  return async (): Promise<RefreshUniverseResult> => {
    const refreshed = await refresh();
    record(refreshed);
    if (refreshed.outcome === 'kept') {
      const { reason, universe } = refreshed;
      const stays =
        universe === undefined ? 'no universe could be chosen' : `the universe of ${universe.asOf} stays`;
      throw new Error(`${stays}: ${reason.code}: ${reason.message}`);
    }
    const { outcome, universe, chosen } = refreshed;
    return {
      outcome,
      asOf: universe.asOf,
      symbols: universe.symbols.length,
      entering: chosen.entering.map(({ symbol }) => symbol),
      leaving: chosen.leaving.map(({ symbol }) => symbol),
    };
  };
}

export const handler = onLambda(() =>
  createRefreshUniverseHandler(composeRefreshUniverse(refreshUniverseSettings.read())),
);
