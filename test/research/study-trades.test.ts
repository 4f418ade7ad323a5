// The studies of stops, other exits and entries on the recorded crash, with the starter models: what it counts, that it repeats itself, and what it refuses.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { studyFolderTrades } from '../../lib/runtime/compose/research/study-trades.ts';

const SAMPLE = 'samples/crash-2024-08-05';
const range = { fromMs: Date.parse('2024-08-05T00:00Z'), toMs: Date.parse('2024-08-05T06:00Z') };
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-study-'));
});
afterAll(() => rm(folder, { recursive: true }));

const study = (more: Partial<Parameters<typeof studyFolderTrades>[0]> = {}) =>
  studyFolderTrades({
    ...{
      question: 'stops',
      dataFolder: SAMPLE,
      modelsFolder: undefined,
      symbols: ['ETHUSDT', 'WIFUSDT'],
      range,
    },
    ...{ predictionsFile: undefined, onSymbol: () => undefined, ...more },
  });

describe('a study of stops', () => {
  it('follows every signal of the range under every rule, and says the same from kept predictions', async () => {
    const predictionsFile = join(folder, 'predictions');
    const symbols: string[] = [];
    const first = await study({ predictionsFile, onSymbol: ({ symbol }) => void symbols.push(symbol) });
    if (!first.ok) throw new Error(first.error.message);
    const { value } = first;
    expect(symbols).toEqual(['ETHUSDT', 'WIFUSDT']);
    expect(value).toMatchObject({
      ensembleId: 'e20240728_205500',
      symbols: 2,
      excluded: 0,
      days: 1,
      symbolProblems: [],
    });
    // Both ends are open times of bars within the range: 72 bars of two symbols.
    expect([value.fromMs, value.toMs]).toEqual([range.fromMs, range.toMs - 300_000]);
    expect(value.decided).toBe(2 * 72);
    expect(value.acted).toBeGreaterThan(0);
    expect(value.rules).toHaveLength(5 * 5 + 1);
    for (const rule of value.rules) expect(rule).toMatchObject({ signals: { trades: value.acted } });
    const again = await study({ predictionsFile });
    expect(again).toEqual(first);
  });

  it('follows the same signals under every other way out', async () => {
    // Hours more than the longest way out takes.
    const longer = { symbols: ['WIFUSDT'], range: { ...range, toMs: Date.parse('2024-08-05T16:00Z') } };
    const exits = await study({ question: 'exits', ...longer });
    if (!exits.ok) throw new Error(exits.error.message);
    const { acted, excluded, rules } = exits.value;
    expect(acted).toBeGreaterThan(excluded);
    expect(rules.map(({ name }) => name).join()).toMatch(/bars.*target.*trail.*fade/);
    for (const { signals } of rules) expect(signals.trades).toBe(acted - excluded);
    expect(new Set(rules.map(({ signals }) => signals.netBps)).size).toBeGreaterThan(5);
  });

  it('follows the same signals by every way in, and counts those that are not entered', async () => {
    const entries = await study({ question: 'entries', symbols: ['WIFUSDT'] });
    if (!entries.ok) throw new Error(entries.error.message);
    const { acted, excluded, rules } = entries.value;
    for (const { signals } of rules) expect(signals.trades).toBe(acted - excluded);
    expect(rules[0]!.signals.enteredRate).toBe(1);
    const shares = rules
      .filter(({ name }) => name.endsWith('nothing'))
      .map(({ signals }) => signals.enteredRate!);
    expect(Math.min(...shares)).toBeLessThan(1);
    for (const { name, signals } of rules)
      if (name.endsWith('taker')) expect(signals.enteredRate).toBe(1);
      else expect(signals.netBps).toBeCloseTo(signals.enteredRate! * (signals.enteredNetBps ?? 0), 9);
  });

  it.each([
    ['a folder without candles', { dataFolder: 'docs' }, 'input_unusable'],
    ['a symbol that is not there', { symbols: ['NOPEUSDT'] }, 'input_unusable'],
    ['a range without a bar', { range: { fromMs: 0, toMs: 300_000 } }, 'input_unusable'],
    ['a folder without models', { modelsFolder: 'docs' }, 'no_models'],
  ] as const)('refuses %s, in one line', async (_, more, code) => {
    const refused = await study(more);
    expect(refused).toMatchObject({ ok: false, error: { code, message: expect.stringMatching(/^[^\n]+$/) } });
  });
});
