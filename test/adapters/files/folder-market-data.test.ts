// Recorded candles as market data at a moment: nothing of what came after it.
import { beforeAll, describe, expect, it } from 'vitest';
import { type CandleFolder, openCandleFolder } from '../../../lib/adapters/files/candle-folder.ts';
import { createFolderMarketData } from '../../../lib/adapters/files/folder-market-data.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';

const AT_MS = Date.parse('2024-08-05T01:00Z');
let folder: CandleFolder;
beforeAll(async () => {
  const opened = await openCandleFolder('samples/crash-2024-08-05');
  if (!opened.ok) throw new Error(opened.error);
  folder = opened.value;
});
const market = (atMs = AT_MS) => createFolderMarketData(folder, atMs);

describe('a folder of candles as a market', () => {
  it('shows the clock that was asked for, and closed candles up to it', async () => {
    expect(await market().serverTimeMs()).toEqual({ ok: true, value: AT_MS });
    const last = await market().closedCandles({
      symbol: 'ETHUSDT',
      count: 3,
      lastOpenTimeMs: AT_MS + BAR_MS,
    });
    expect(last.ok && [...last.value.openTimeMs]).toEqual([3, 2, 1].map((bars) => AT_MS - bars * BAR_MS));
  });

  it('knows of the bar being formed its open, and no other price', async () => {
    const [before, after] = await Promise.all(
      [market(AT_MS - 1), market()].map((each) => each.prices(['ETHUSDT'])),
    );
    const now = await market(AT_MS + 1_000).prices();
    const later = await market(AT_MS + BAR_MS).closedCandles({
      ...{ symbol: 'ETHUSDT', count: 1, lastOpenTimeMs: AT_MS },
    });
    if (!before!.ok || !after!.ok || !now.ok || !later.ok) throw new Error('no answer');
    expect(after!.value.get('ETHUSDT')).toBe(later.value.open[0]);
    expect(now.value.size).toBe(folder.symbols.length);
    expect(before!.value.get('ETHUSDT')).not.toBe(after!.value.get('ETHUSDT'));
  });

  it('derives filters that its own prices fit, and lists its pairs by turnover of the day', async () => {
    const view = market();
    const [filters, again, pairs] = [await view.filters(), await view.filters(), await view.pairs()];
    if (!filters.ok || !again.ok || !pairs.ok) throw new Error('no answer');
    expect(again.value).toBe(filters.value);
    const { tickSize } = filters.value.get('ETHUSDT')!;
    expect(2_323.79 / tickSize).toBeCloseTo(Math.round(2_323.79 / tickSize), 6);
    expect(pairs.value.map(({ base, isTrading }) => [base, isTrading])).toContainEqual(['ETH', true]);
    expect(pairs.value.every(({ quoteVolumeUsdt }) => (quoteVolumeUsdt ?? 0) > 0)).toBe(true);
  });

  it('says so of a symbol that it does not hold', async () => {
    const asked = { symbol: 'NOPEUSDT', count: 1, lastOpenTimeMs: AT_MS };
    expect(await market().closedCandles(asked)).toMatchObject({
      ok: false,
      error: { code: 'unknown_symbol' },
    });
  });
});
