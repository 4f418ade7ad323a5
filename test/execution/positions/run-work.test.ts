// What a run has done and could not do, and that one symbol's trouble is not the others'.
import { describe, expect, it } from 'vitest';
import { Work } from '../../../lib/execution/use-cases/positions/run-work.ts';

const broken = (message: string) => async (): Promise<never> => {
  throw new Error(message);
};

describe('a part of a run', () => {
  it('has its value, or is a fault that keeps nothing else from being done', async () => {
    const work = new Work();
    expect(await work.attempt('equity', async () => 7)).toEqual({ value: 7 });
    expect(await work.attempt('equity', async () => undefined)).toEqual({ value: undefined });
    expect(work.faults).toEqual([]);
    expect(await work.attempt('equity', broken('no\n price'))).toBeUndefined();
    expect(work.faults).toEqual(['equity: no price']);
  });
});

describe('the part of a symbol', () => {
  it('is done once', async () => {
    const work = new Work();
    await work.once('BTCUSDT', async () => ['stop_acknowledged']);
    await work.once('BTCUSDT', broken('asked again'));
    expect(work.actions).toEqual([{ symbol: 'BTCUSDT', done: ['stop_acknowledged'] }]);
    expect(work.faults).toEqual([]);
  });

  it('is done once too where there was nothing to do', async () => {
    const work = new Work();
    await work.once('BTCUSDT', async () => []);
    await work.once('BTCUSDT', broken('asked again'));
    expect(work.actions).toEqual([]);
    expect(work.faults).toEqual([]);
  });

  it('that waits is tried again, and what it did last is told', async () => {
    const work = new Work();
    await work.once('ETHUSDT', async () => ['closed']);
    await work.once('BTCUSDT', async () => ['waiting']);
    expect(work.actions).toEqual([
      { symbol: 'ETHUSDT', done: ['closed'] },
      { symbol: 'BTCUSDT', done: ['waiting'] },
    ]);
    await work.once('BTCUSDT', async () => ['closed', 'released']);
    expect(work.actions).toEqual([
      { symbol: 'ETHUSDT', done: ['closed'] },
      { symbol: 'BTCUSDT', done: ['closed', 'released'] },
    ]);
    await work.once('BTCUSDT', broken('asked again'));
    expect(work.faults).toEqual([]);
  });

  it('that waited first in the list leaves the others in it', async () => {
    const work = new Work();
    await work.once('BTCUSDT', async () => ['waiting']);
    await work.once('ETHUSDT', async () => ['closed']);
    await work.once('SOLUSDT', async () => ['stop_acknowledged']);
    await work.once('BTCUSDT', async () => []);
    expect(work.actions).toEqual([
      { symbol: 'ETHUSDT', done: ['closed'] },
      { symbol: 'SOLUSDT', done: ['stop_acknowledged'] },
    ]);
  });

  it('that goes wrong is a fault of its own, is not tried again, and leaves the others to be done', async () => {
    const work = new Work();
    await work.once('BTCUSDT', broken('no answer'));
    await work.once('BTCUSDT', async () => ['closed']);
    await work.once('ETHUSDT', async () => ['closed']);
    expect(work.faults).toEqual(['BTCUSDT: no answer']);
    expect(work.actions).toEqual([{ symbol: 'ETHUSDT', done: ['closed'] }]);
  });
});

describe('what was done', () => {
  it('is found by its word, for every symbol of which it was done', async () => {
    const work = new Work();
    await work.once('BTCUSDT', async () => ['external_position_left']);
    await work.once('ETHUSDT', async () => ['closed']);
    await work.once('SOLUSDT', async () => ['adopted', 'external_position_left']);
    expect(work.symbolsOf('external_position_left')).toEqual(['BTCUSDT', 'SOLUSDT']);
    expect(work.symbolsOf('released')).toEqual([]);
  });
});
