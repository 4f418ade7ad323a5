// Data that is read again and again. What was read last stays on the screen when a reading fails, and its age is known.
import { useEffect, useRef, useState } from 'preact/hooks';

export interface Polled<T> {
  readonly data: T | undefined;
  /** Why the last reading failed; undefined when it did not. */
  readonly problem: string | undefined;
  /** When `data` was read, by the browser's clock. */
  readonly readAtMs: number | undefined;
}

const NOTHING = { data: undefined, problem: undefined, readAtMs: undefined };

/**
 * @param key what is read: another one begins anew, and `undefined` reads nothing
 * @param everyMs between the end of one reading and the start of the next
 * @param trigger another value reads at once
 */
export function usePolled<T>(
  key: string | undefined,
  reading: (cancelled: AbortSignal) => Promise<T>,
  { everyMs, trigger }: { everyMs: number; trigger?: unknown },
): Polled<T> {
  const [state, setState] = useState<Polled<T> & { key: string | undefined }>({ ...NOTHING, key });
  const latest = useRef(reading);
  latest.current = reading;
  useEffect(() => {
    if (key === undefined) return;
    const over = new AbortController();
    let timer: number | undefined;
    const readOnce = async () => {
      try {
        const data = await latest.current(over.signal);
        if (!over.signal.aborted) setState({ key, data, problem: undefined, readAtMs: Date.now() });
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        if (!over.signal.aborted)
          setState((last) => ({ ...(last.key === key ? last : NOTHING), key, problem }));
      }
      if (!over.signal.aborted) timer = window.setTimeout(readOnce, everyMs);
    };
    void readOnce();
    return () => {
      over.abort();
      window.clearTimeout(timer);
    };
  }, [key, everyMs, trigger]);
  return state.key === key ? state : NOTHING;
}
