import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { symbolsOfShard, universeSchema } from '../../lib/market/universe.ts';

const symbols = Array.from({ length: 200 }, (_, index) => `COIN${index}USDT`);

describe('shards', () => {
  it('share out every symbol exactly once, whatever their number', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), (shardCount) => {
        const shards = Array.from({ length: shardCount }, (_, shard) =>
          symbolsOfShard(symbols, { shard, shardCount }),
        );
        expect(shards.flat().sort()).toEqual([...symbols].sort());
      }),
    );
  });

  it('keep their symbols when others come or go', () => {
    const before = symbolsOfShard(symbols, { shard: 1, shardCount: 4 });
    const after = symbolsOfShard(['NEWUSDT', ...symbols.slice(50)], { shard: 1, shardCount: 4 });
    expect(after.filter((symbol) => symbol !== 'NEWUSDT')).toEqual(
      before.filter((symbol) => symbols.indexOf(symbol) >= 50),
    );
  });
});

describe('a universe', () => {
  const universe = { schemaVersion: 1, asOf: '2024-08-05', symbols: ['BTCUSDT', '1000PEPEUSDT'] };
  it.each([
    [{}, true],
    [{ symbols: [] }, false],
    [{ symbols: ['btcusdt'] }, false],
    [{ symbols: ['BTC/USDT'] }, false],
    [{ symbols: ['#run'] }, false],
    [{ symbols: ['ETHBTC'] }, false],
    [{ symbols: ['BTCUSDT', '00'] }, false],
    [{ asOf: 'today' }, false],
    [{ more: 1 }, false],
  ])('with %j is readable: %s', (change, readable) => {
    expect(universeSchema.safeParse({ ...universe, ...change }).success).toBe(readable);
  });
});
