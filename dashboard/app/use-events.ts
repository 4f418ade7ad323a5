// What the API tells as it happens, by a stream that is opened again whenever it breaks. While there is none, the page asks by itself.
import { createParser } from 'eventsource-parser';
import { useEffect, useState } from 'preact/hooks';
import type { EventKind } from '../../lib/api/events/event-streams.ts';

export interface News {
  /** There is a stream, and it has begun. */
  readonly isLive: boolean;
  /** Goes up when there is something new. */
  readonly count: number;
  /** Goes up when a position was opened or closed, and when all may be new. */
  readonly trades: number;
}

/** The stream is never quiet for so long. */
const SILENT_MS_MAX = 45_000;
/** However fast a replay is, the page follows at this pace. */
const PACE_MS = 1_000;
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 60_000;
const NOT_SERVED = 404;

export function useEvents(token: string): News {
  const [news, setNews] = useState<News>({ isLive: false, count: 0, trades: 0 });
  useEffect(() => {
    const over = new AbortController();
    const tell = paced((kinds) => {
      const isTrade = kinds.has('trade') || kinds.has('ready');
      setNews((last) => ({
        ...{ isLive: true, count: last.count + 1, trades: last.trades + (isTrade ? 1 : 0) },
      }));
    }, over.signal);
    const broken = () => setNews((last) => ({ ...last, isLive: false }));
    void follow(token, tell, { over: over.signal, broken });
    return () => over.abort();
  }, [token]);
  return news;
}

/** Opens the stream again and again, later each time that it fails at once; until it is over, or the API has none. */
async function follow(
  token: string,
  tell: (kinds: readonly EventKind[]) => void,
  { over, broken }: { over: AbortSignal; broken: () => void },
): Promise<void> {
  let retryMs = RETRY_MS_MIN;
  while (!over.aborted) {
    const status = await listen(token, over, (kinds) => {
      retryMs = RETRY_MS_MIN;
      tell(kinds);
    }).catch(() => undefined);
    if (over.aborted) return;
    broken();
    if (status === NOT_SERVED) return;
    await new Promise((resolve) => setTimeout(resolve, retryMs));
    retryMs = Math.min(RETRY_MS_MAX, retryMs * 2);
  }
}

/** Until the stream ends. Rejects when it breaks. @returns the status of the answer */
async function listen(
  token: string,
  over: AbortSignal,
  tell: (kinds: readonly EventKind[]) => void,
): Promise<number> {
  const silent = new AbortController();
  let timer = setTimeout(() => silent.abort(), SILENT_MS_MAX);
  try {
    const { ok, status, body } = await fetch('/api/events', {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.any([over, silent.signal]),
    });
    if (!ok || body === null) return status;
    const parser = createParser({ onEvent: ({ data }) => tell(JSON.parse(data)) });
    const text = body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await text.read();
      if (done) return status;
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(), SILENT_MS_MAX);
      parser.feed(value);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** The first at once, and what comes within the pace after it together. */
function paced(tell: (kinds: ReadonlySet<EventKind>) => void, over: AbortSignal) {
  const waiting = new Set<EventKind>();
  let toldAtMs = Number.NEGATIVE_INFINITY;
  let timer: number | undefined;
  over.addEventListener('abort', () => window.clearTimeout(timer));
  const flush = () => {
    timer = undefined;
    toldAtMs = performance.now();
    tell(new Set(waiting));
    waiting.clear();
  };
  return (kinds: readonly EventKind[]) => {
    for (const kind of kinds) waiting.add(kind);
    timer ??= window.setTimeout(flush, Math.max(0, toldAtMs + PACE_MS - performance.now()));
  };
}
