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
 * @param trigger another value reads at once, or once more after the reading that is under way
 */
export function usePolled<T>(
  key: string | undefined,
  reading: (cancelled: AbortSignal) => Promise<T>,
  { everyMs, trigger }: { everyMs: number; trigger?: unknown },
): Polled<T> {
  const [state, setState] = useState<Polled<T> & { key: string | undefined }>({ ...NOTHING, key });
  const latest = useRef({ reading, everyMs });
  latest.current = { reading, everyMs };
  const readNow = useRef(() => {});
  useEffect(() => {
    if (key === undefined) return;
    const over = new AbortController();
    let timer: number | undefined;
    let isReading = false;
    let isAskedAgain = false;
    const readOnce = async () => {
      isReading = true;
      isAskedAgain = false;
      try {
        const data = await latest.current.reading(over.signal);
        if (!over.signal.aborted) setState({ key, data, problem: undefined, readAtMs: Date.now() });
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        if (!over.signal.aborted)
          setState((last) => ({ ...(last.key === key ? last : NOTHING), key, problem }));
      }
      isReading = false;
      if (!over.signal.aborted)
        timer = window.setTimeout(readOnce, isAskedAgain ? 0 : latest.current.everyMs);
    };
    readNow.current = () => {
      isAskedAgain = true;
      window.clearTimeout(timer);
      if (!isReading) void readOnce();
    };
    return () => {
      over.abort();
      window.clearTimeout(timer);
      readNow.current = () => {};
    };
  }, [key]);
  // At first, with another key, and with each trigger.
  useEffect(() => readNow.current(), [key, everyMs, trigger]);
  return state.key === key ? state : NOTHING;
}
