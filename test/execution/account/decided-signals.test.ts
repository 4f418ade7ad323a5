// The signals of a bar are looked for in the index, then in the table: as often, as far and as many at once as is meant.
import { describe, expect, it } from 'vitest';
import { createMemorySignalStore } from '../../../lib/adapters/memory/memory-signal-store.ts';
import { readDecidedSignals } from '../../../lib/execution/use-cases/read-decided-signals.ts';
import type { SignalStore } from '../../../lib/inference/ports.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { symbolsOfShard } from '../../../lib/market/universe.ts';
import { FIRST_BAR_MS, signalOf } from '../../support/inference/sample-signals.ts';

const symbolsUpTo = (count: number) =>
  Array.from({ length: count }, (_, index) => `S${String(index).padStart(2, '0')}USDT`);

/** Reads these symbols, which the index shows from its nth reading on; what was asked for meanwhile. */
async function read(
  symbols: readonly string[],
  {
    stored = symbols,
    shownFrom = 1,
    shard = { shard: 0, shardCount: 1 },
    isPaused = true,
  }: {
    stored?: readonly string[];
    shownFrom?: number;
    shard?: { shard: number; shardCount: number };
    isPaused?: boolean;
  } = {},
) {
  const store = createMemorySignalStore();
  for (const symbol of stored) {
    await store.put(signalOf(symbol, FIRST_BAR_MS));
    await store.put(signalOf(symbol, FIRST_BAR_MS - BAR_MS));
  }
  const done: string[] = [];
  let readings = 0;
  let atOnce = 0;
  let mostAtOnce = 0;
  const signals: SignalStore = {
    ...store,
    ofBar: async (bar) => {
      done.push('index');
      return ++readings >= shownFrom ? store.ofBar(bar) : [];
    },
    lastOfSymbol: async (symbol, count) => {
      done.push(`${symbol} ${count}`);
      mostAtOnce = Math.max(mostAtOnce, ++atOnce);
      await new Promise((resolve) => setImmediate(resolve));
      atOnce--;
      return store.lastOfSymbol(symbol, count);
    },
  };
  const sleep = async (durationMs: number) => {
    done.push(`pause ${durationMs}`);
  };
  const decided = await readDecidedSignals(
    { signals, ...(isPaused && { sleep }) },
    {
      ...{ barOpenTimeMs: FIRST_BAR_MS, ensembleId: null, featureSetHash: '', symbols: [...symbols] },
      ...shard,
    },
  );
  const bars = new Set(decided.signals.map(({ barOpenTimeMs }) => barOpenTimeMs));
  const found = decided.signals.map(({ symbol }) => symbol).sort();
  return { found, bars: [...bars], missing: decided.missing, done, mostAtOnce };
}

describe('the signals of a bar', () => {
  it('that the index shows are read once', async () => {
    const symbols = symbolsUpTo(3);
    expect(await read(symbols)).toEqual({
      ...{ found: symbols, bars: [FIRST_BAR_MS], missing: [], done: ['index'], mostAtOnce: 0 },
    });
  });

  it('that the index shows late are waited for, longer each time', async () => {
    const { found, missing, done } = await read(symbolsUpTo(2), { shownFrom: 3 });
    expect({ found, missing }).toEqual({ found: symbolsUpTo(2), missing: [] });
    expect(done).toEqual(['index', 'pause 200', 'index', 'pause 400', 'index']);
  });

  it('are asked for at once again where nobody pauses', async () => {
    const { found, done } = await read(symbolsUpTo(2), { shownFrom: 4, isPaused: false });
    expect(found).toEqual(symbolsUpTo(2));
    expect(done).toEqual(['index', 'index', 'index', 'index']);
  });

  it('that the index does not show at all are read from the table, 25 at once, and of this bar alone', async () => {
    const symbols = symbolsUpTo(60);
    const { found, bars, missing, done, mostAtOnce } = await read(symbols, { shownFrom: 99 });
    expect({ found, bars, missing }).toEqual({ found: symbols, bars: [FIRST_BAR_MS], missing: [] });
    expect(mostAtOnce).toBe(25);
    expect(done.slice(7)).toEqual(symbols.map((symbol) => `${symbol} 2`));
  });

  it('that are nowhere are named, and looked for alone', async () => {
    const { found, missing, done } = await read(['S00USDT', 'S01USDT'], { stored: ['S00USDT'] });
    expect({ found, missing }).toEqual({ found: ['S00USDT'], missing: ['S01USDT'] });
    expect(done.at(-1)).toBe('S01USDT 2');
    expect(done.filter((step) => step.startsWith('S'))).toHaveLength(1);
  });

  it('are those of the shard, whatever else the index shows', async () => {
    const stored = symbolsUpTo(8);
    const shard = { shard: 1, shardCount: 2 };
    const mine = symbolsOfShard(stored, shard);
    expect(mine.length).toBeLessThan(8);
    expect((await read(mine.slice(1), { stored, shard })).found).toEqual([...mine].sort());
  });
});
