// What Lambda calls of every function: composed at its first event, kept warm, and each run a part of the function's trace.
import { openTrace } from '../adapters/telemetry/open-trace.ts';
import { traceIdentity } from './config/process-environment.ts';

/** What a trace is searched by, where a run's result says it. */
const ANNOTATED = ['barOpenTimeMs', 'shard', 'ensembleId', 'verdict', 'mode'] as const;

/** @param compose the handler over its composition, from the environment; an invalid setting fails every run */
export function onLambda<Event, Result extends object>(
  compose: () => (event: Event) => Promise<Result>,
): (event: Event) => Promise<Result> {
  let warm: ReturnType<typeof compose> | undefined;
  return async (event) => {
    const { traceRun } = await openTrace();
    warm ??= compose();
    const run = warm;
    return traceRun(async (annotate) => {
      for (const [key, value] of Object.entries(traceIdentity())) annotate(key, value);
      const result = await run(event);
      for (const key of ANNOTATED) {
        const value = (result as Partial<Record<(typeof ANNOTATED)[number], unknown>>)[key];
        if (typeof value === 'string' || typeof value === 'number') annotate(key, value);
      }
      return result;
    });
  };
}
