// The streams of server-sent events: each tells that something is new, and never what. Whoever listens reads it where everybody does.
import { messageOf } from '../../core/message-of.ts';
import { MINUTE_MS, SECOND_MS } from '../../core/units.ts';

/** What there may be news of. `ready`: the stream has begun; what was read before it may be old. */
export const EVENT_KINDS = ['ready', 'bar', 'snapshot', 'trade', 'breaker', 'flags', 'mode'] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** Names the newest of each kind; null: not known now. */
export type Marks = Readonly<Record<Exclude<EventKind, 'ready'>, string | null>>;

export interface EventStreams {
  /** undefined: as many as there may be are open, or no more are served. */
  open(): AsyncIterable<string> | undefined;
  /** Something was written. */
  written(): void;
  /** Ends all, for good. Nothing is being read any more then. */
  close(): Promise<void>;
}

const STREAMS_MAX = 16;
/** What is written within it is told at once. */
const QUIET_MS = 200;
const RETRY_MS = 2 * SECOND_MS;
const KEEPALIVE_MS = 15 * SECOND_MS;
/** Then the caller comes again, and its token is checked again. */
const STREAM_MS_MAX = 15 * MINUTE_MS;

interface EventStreamsDependencies {
  readonly readMarks: () => Promise<Marks>;
  readonly warn: (text: string) => void;
  readonly stopwatchMs: () => number;
  /** Does not keep the process alive. */
  readonly expire: (durationMs: number) => Promise<void>;
}

/** Reads nothing while nobody listens. */
export function createEventStreams(dependencies: EventStreamsDependencies): EventStreams {
  const { readMarks, warn, expire } = dependencies;
  const streams = new Set<Stream>();
  let known: Marks | undefined;
  let isNew = false;
  let looking: Promise<void> | undefined;
  let isClosed = false;

  async function look(): Promise<void> {
    while (isNew && streams.size > 0) {
      isNew = false;
      await expire(QUIET_MS);
      try {
        const marks = await readMarks();
        const changed = changedKinds(known, marks);
        known = { ...marks, ...keptOf(known, marks) };
        for (const stream of streams) stream.tell(changed);
      } catch (error) {
        isNew = true;
        if (isClosed) return;
        warn(messageOf(error));
        await expire(RETRY_MS);
      }
    }
    looking = undefined;
  }
  const written = () => {
    isNew = true;
    if (streams.size > 0) looking ??= look();
  };
  return {
    open() {
      if (isClosed || streams.size >= STREAMS_MAX) return undefined;
      const stream = openStream(dependencies, () => streams.delete(stream));
      streams.add(stream);
      written();
      return stream;
    },
    written,
    async close() {
      isClosed = true;
      for (const stream of streams) stream.end();
      await looking;
    },
  };
}

/** What is not known now is no news. */
const changedKinds = (known: Marks | undefined, marks: Marks): EventKind[] =>
  known === undefined
    ? []
    : EVENT_KINDS.filter((kind) => kind !== 'ready' && marks[kind] !== null && marks[kind] !== known[kind]);

const keptOf = (known: Marks | undefined, marks: Marks): Partial<Marks> =>
  Object.fromEntries(Object.entries(known ?? {}).filter(([kind]) => marks[kind as keyof Marks] === null));

interface Stream extends AsyncIterable<string> {
  tell(kinds: readonly EventKind[]): void;
  end(): void;
}

/** What waits for a slow reader is at most one of each kind. */
function openStream(
  { stopwatchMs, expire }: Pick<EventStreamsDependencies, 'stopwatchMs' | 'expire'>,
  onEnd: () => void,
): Stream {
  const endMs = stopwatchMs() + STREAM_MS_MAX;
  const waiting = new Set<EventKind>();
  let isReady = false;
  let isOver = false;
  let wake = () => {};
  const end = () => {
    isOver = true;
    onEnd();
    wake();
  };
  const next = async (): Promise<IteratorResult<string, undefined>> => {
    if (waiting.size === 0 && !isOver)
      await Promise.race([new Promise<void>((resolve) => (wake = resolve)), expire(KEEPALIVE_MS)]);
    if (stopwatchMs() >= endMs) end();
    if (isOver) return { done: true, value: undefined };
    const kinds = [...waiting];
    waiting.clear();
    return { done: false, value: kinds.length === 0 ? ': nothing new\n\n' : formatEvent(kinds) };
  };
  return {
    tell(kinds) {
      if (!isReady) waiting.add('ready');
      isReady = true;
      for (const kind of kinds) waiting.add(kind);
      if (waiting.size > 0) wake();
    },
    end,
    [Symbol.asyncIterator]: () => ({
      next,
      async return() {
        end();
        return { done: true, value: undefined };
      },
    }),
  };
}

const formatEvent = (kinds: readonly EventKind[]): string =>
  `event: change\ndata: ${JSON.stringify(kinds)}\n\n`;
