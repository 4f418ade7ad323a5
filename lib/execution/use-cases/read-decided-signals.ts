// The signals of a bar and shard, all that infer says it has stored. The index by bar shows a write only after a while: what is missing
// there is read again after a pause, and then from the table itself, which shows every write at once.
import type { BarDecided } from '../../inference/infer-events.ts';
import type { SignalStore } from '../../inference/ports.ts';
import type { Signal } from '../../inference/signal.ts';
import { symbolsOfShard } from '../../market/universe.ts';

/** Before each further read of the index. */
const PAUSES_MS = [200, 400, 800] as const;
/** Read at once, one query each. */
const SYMBOLS_AT_ONCE = 25;
/** An event is dropped after two minutes: by then infer has decided one bar more at most. */
const SIGNALS_PER_SYMBOL = 2;

export interface DecidedSignals {
  readonly signals: readonly Signal[];
  /** Symbols that infer says it decided, and that the table does not have. */
  readonly missing: readonly string[];
}

/** Throws StoreError. */
export async function readDecidedSignals(
  {
    signals: store,
    sleep,
  }: { signals: SignalStore; sleep?: ((durationMs: number) => Promise<unknown>) | undefined },
  { barOpenTimeMs, shard, shardCount, symbols }: Omit<BarDecided, 'written' | 'alreadyDecided'>,
): Promise<DecidedSignals> {
  const found = new Map<string, Signal>();
  const missing = () => symbols.filter((symbol) => !found.has(symbol));
  const readIndex = async () => {
    for (const signal of await store.ofBar(barOpenTimeMs)) found.set(signal.symbol, signal);
  };
  await readIndex();
  for (const pauseMs of PAUSES_MS) {
    if (missing().length === 0) break;
    await sleep?.(pauseMs);
    await readIndex();
  }
  const unseen = missing();
  for (let first = 0; first < unseen.length; first += SYMBOLS_AT_ONCE) {
    const read = unseen
      .slice(first, first + SYMBOLS_AT_ONCE)
      .map((symbol) => store.lastOfSymbol(symbol, SIGNALS_PER_SYMBOL));
    for (const signal of (await Promise.all(read)).flat())
      if (signal.barOpenTimeMs === barOpenTimeMs) found.set(signal.symbol, signal);
  }
  const mine = new Set(symbolsOfShard([...found.keys()], { shard, shardCount }));
  return { signals: [...found.values()].filter(({ symbol }) => mine.has(symbol)), missing: missing() };
}
