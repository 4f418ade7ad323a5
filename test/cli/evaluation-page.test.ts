// The page is self-contained: it loads nothing, runs nothing, and lets no name become markup.
import { beforeAll, describe, expect, test } from 'vitest';
import { formatEvaluationPage } from '../../cli/reports/evaluation-page.ts';
import { formatEvaluation } from '../../cli/reports/evaluation-text.ts';
import { drawPlot, escapeHtml } from '../../cli/reports/svg-plot.ts';
import { createOnnxModelRuntime } from '../../lib/adapters/onnx/onnx-model-runtime.ts';
import { success } from '../../lib/core/result.ts';
import { HOUR_MS } from '../../lib/core/units.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { createEnsembleProvider } from '../../lib/models/use-cases/load-ensemble.ts';
import type { Evaluation } from '../../lib/research/evaluation.ts';
import { evaluateModels } from '../../lib/research/use-cases/evaluate-models.ts';
import { randomWalk, WALK_START_MS } from '../support/market/random-walk.ts';
import { buildModelFolder } from '../support/models/build-model-folder.ts';
import { createMemoryObjectStore } from '../support/models/memory-object-store.ts';
import { onTerminal } from '../support/terminal.ts';

async function evaluate(edgeThresholdBps: number): Promise<Evaluation> {
  const store = createMemoryObjectStore({ versioned: false });
  await buildModelFolder({ store, ensemble: { edgeThresholdBps } });
  const ensembles = createEnsembleProvider({ store, runtime: createOnnxModelRuntime() });
  const result = await evaluateModels(
    {
      source: { read: async (symbol) => success(randomWalk({ seed: symbol.length, bars: 1_300 })) },
      ensembles,
      store,
      drawIndex: () => 0,
    },
    {
      symbols: ['AUSDT', 'BBUSDT'],
      range: { fromMs: WALK_START_MS + 1_000 * BAR_MS, toMs: undefined },
      everyBars: 1,
      onProgress: () => {},
    },
  );
  await ensembles.close();
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

describe('a page', () => {
  let evaluation: Evaluation;
  beforeAll(async () => {
    evaluation = await evaluate(2);
  });

  test('needs nothing from anywhere else and runs no script', () => {
    const page = formatEvaluationPage(evaluation);
    expect(page).not.toMatch(/https?:|\/\/[a-z]|<script|<link|<img|<iframe|@import|url\(|\bon[a-z]+=/i);
    // Account, drawdown, and three plots for each of four models and the ensemble.
    expect(page.match(/<figure>/g)).toHaveLength(2 + 3 * 5);
  });

  test.each([
    [true, /^IN SAMPLE/m],
    ['partly', /^PARTLY IN SAMPLE/m],
    [false, /^out of sample/m],
  ] as const)('says loudly whether it is in sample: %s', (inSample, words) => {
    const text = formatEvaluation({ ...evaluation, inSample });
    expect(text).toMatch(words);
    const page = formatEvaluationPage({ ...evaluation, inSample });
    expect(page.includes('class="verdict seen"')).toBe(inSample !== false);
  });

  test('draws no number that is not one', () => {
    const page = formatEvaluationPage(evaluation);
    expect(page).not.toMatch(/NaN|Infinity|\bnull\b|undefined/);
  });

  test('says n/a where nothing was acted on and nothing correlates', async () => {
    const idle = await evaluate(1e6);
    const text = formatEvaluation(idle);
    expect(text).toMatch(/Sharpe n\/a, Sortino n\/a, Calmar n\/a, profit factor n\/a/);
    expect(text).toMatch(/gross n\/a bps/);
    const page = formatEvaluationPage(idle);
    // Two symbols have no rank correlation: five plots without a point.
    expect(page.match(/<p>no data<\/p>/g)).toHaveLength(5);
    expect(`${page}${text}`).not.toMatch(/NaN|Infinity|undefined/);
  });

  test('has tables that fit a terminal of 80 columns', () => {
    const wide = { ...evaluation.ensemble.bySymbol[0]!, symbol: '1000SATSUSDT', rows: 105_120 };
    const ensemble = { ...evaluation.ensemble, bySymbol: [wide] };
    const blocks = onTerminal(80, () => formatEvaluation({ ...evaluation, ensemble })).split('\n\n');
    // The first block and the one of the strategy are sentences.
    const tables = blocks.filter((block, index) => index > 0 && !block.includes('strategy:'));
    expect(tables).toHaveLength(6);
    for (const line of tables.join('\n').split('\n')) expect([line, line.length <= 80]).toEqual([line, true]);
  });

  test('lets no text become markup', () => {
    const page = formatEvaluationPage({ ...evaluation, ensembleId: '<b onload="x">&' });
    expect(page).not.toContain('<b onload');
    expect(escapeHtml(`<&>"'`)).toBe('&#60;&#38;&#62;&#34;&#39;');
  });
});

describe('a plot', () => {
  const formats = { x: 'number' as const };
  const line = (points: [number, number][]) => ({ name: 'a', colour: '#000', points });

  test('puts the corners of its span on the corners of its frame', () => {
    const corners: [number, number][] = [
      [0, 0],
      [1, 1],
    ];
    const plot = drawPlot({ title: 't', lines: [line(corners)], span: { x: [0, 1], y: [0, 1] }, ...formats });
    // Left 58, bottom 260 − 46; right 460 − 12, top 12.
    expect(plot).toContain('<path d="M58,214L448,12"');
  });

  test('gives a single point an axis of some length', () => {
    for (const value of [0, -3, 7]) {
      const plot = drawPlot({ title: 't', lines: [line([[value, value]])], ...formats });
      expect(plot).toContain('<circle cx="253" cy="113"');
      expect(plot).not.toMatch(/NaN|Infinity/);
    }
  });

  test('keeps every extreme of a long line, in a fraction of its points', () => {
    const points = Array.from({ length: 100_000 }, (_, x): [number, number] => [
      x,
      x === 54_321 ? -1 : x % 7,
    ]);
    const plot = drawPlot({
      title: 't',
      lines: [line(points)],
      span: { x: [0, 99_999], y: [-1, 6] },
      ...formats,
    });
    const path = /<path d="M([^"]+)"/.exec(plot)![1]!;
    const drawn = path.split('L').map((point) => Number(point.split(',')[1]));
    // The axis reaches from -1 to 6: the lowest point stands on its foot, the highest at its top.
    expect([Math.max(...drawn), Math.min(...drawn)]).toEqual([214, 12]);
    expect(drawn.length).toBeLessThan(2_000);
  });

  test('names days and hours on an axis of time', () => {
    const day = Date.UTC(2024, 7, 5);
    const points = [0, 6, 12, 18, 24].map((hour): [number, number] => [day + hour * HOUR_MS, hour]);
    const plot = drawPlot({ title: 't', lines: [line(points)], x: 'time' });
    for (const name of ['2024-08-05', '06:00', '12:00', '18:00', '2024-08-06'])
      expect(plot).toContain(`>${name}<`);
  });

  test('draws bars from zero, up and down', () => {
    const points: [number, number][] = [
      [0, 1],
      [1, -1],
    ];
    const plot = drawPlot({ title: 't', lines: [{ ...line(points), style: 'bars' }], ...formats });
    expect(plot).toContain('y="12" width="12" height="101"');
    expect(plot).toContain('y="113" width="12" height="101"');
  });
});
