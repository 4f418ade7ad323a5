// The page says what the figures are from, and lets no name become markup.
import { beforeAll, describe, expect, test } from 'vitest';
import { formatEvaluationPage } from '../../cli/reports/evaluation-page.ts';
import { formatEvaluation } from '../../cli/reports/evaluation-text.ts';
import { escapeHtml } from '../../cli/reports/html.ts';
import type { Evaluation } from '../../lib/research/evaluation.ts';
import { randomWalk } from '../support/market/random-walk.ts';
import { evaluateSmall } from '../support/models/evaluate-small.ts';
import { contentOf, plotsOf } from '../support/report-page.ts';
import { onTerminal } from '../support/terminal.ts';

/** Two symbols have no rank correlation. */
const PLOTS_WITHOUT_DATA = 5;

describe('a page', () => {
  let evaluation: Evaluation;
  beforeAll(async () => {
    evaluation = await evaluateSmall(2);
  });

  test('draws account, market, and three plots for each of four models and the ensemble', () => {
    const plots = plotsOf(formatEvaluationPage(evaluation));
    expect(plots.map(({ id }) => id)).toHaveLength(2 + 3 * 5 - PLOTS_WITHOUT_DATA);
    const [account, growth] = plots;
    expect(account!.panes[1]!.series[0]!.values.length).toBe(evaluation.strategy.equity.timeMs.length);
    const held = growth!.panes[0]!.series[1]!.values.at(-1)!;
    expect(held).toBeCloseTo(100 * (evaluation.strategy.heldUsdt.at(-1)! / 10_000 - 1), 3);
  });

  test('says of every figure which simulation it is from', () => {
    const page = formatEvaluationPage(evaluation);
    const facts = /<dl class="facts-grid">.*?<\/dl>/s.exec(page)![0];
    for (const fact of facts.matchAll(/<div>(.*?)<\/div>/gs))
      expect(fact[1]).toMatch(
        /from every signal followed on its own|from the simulated account|trials|training-log/,
      );
    expect(formatEvaluation(evaluation)).toContain('It is not how the system trades');
  });

  test('holds in equal parts what the closes of all symbols say', () => {
    const held = evaluation.strategy.heldUsdt;
    expect(held[1]).toBe(10_000);
    const growth = ['AUSDT', 'BBUSDT'].map((symbol) => {
      const { close } = randomWalk({ seed: symbol.length, bars: 1_300 });
      return close[close.length - 1]! / close[1_000]!;
    });
    expect(held.at(-1)! / 10_000).toBeCloseTo((growth[0]! + growth[1]!) / 2, 5);
  });

  test.each([
    [true, /^IN SAMPLE/m],
    ['partly', /^PARTLY IN SAMPLE/m],
    [false, /^out of sample/m],
  ] as const)('says loudly whether it is in sample: %s', (inSample, words) => {
    const text = formatEvaluation({ ...evaluation, inSample });
    expect(text).toMatch(words);
    const page = formatEvaluationPage({ ...evaluation, inSample });
    expect(page.includes('class="verdict bad"')).toBe(inSample !== false);
  });

  test('draws no number that is not one', () => {
    const page = formatEvaluationPage(evaluation);
    expect(contentOf(page)).not.toMatch(/NaN|Infinity|\bnull\b|undefined/);
  });

  test('says n/a where nothing was acted on and nothing correlates', async () => {
    const idle = await evaluateSmall(1e6);
    const text = formatEvaluation(idle);
    expect(text).toMatch(
      /Sharpe n\/a \(only from 30 days on\), Sortino n\/a, Calmar n\/a, profit factor n\/a/,
    );
    expect(text).toMatch(/gross n\/a bps/);
    const page = formatEvaluationPage(idle);
    // Two symbols have no rank correlation: five plots without a point.
    expect(page.match(/<p class="empty">no data<\/p>/g)).toHaveLength(5);
    expect(`${contentOf(page)}${text}`).not.toMatch(/NaN|Infinity|undefined/);
  });

  test('has tables that fit a terminal of 80 columns', () => {
    const wide = { ...evaluation.ensemble.bySymbol[0]!, symbol: '1000SATSUSDT', rows: 105_120 };
    const ensemble = { ...evaluation.ensemble, bySymbol: [wide] };
    const blocks = onTerminal(80, () => formatEvaluation({ ...evaluation, ensemble })).split('\n\n');
    // The first two blocks and the one of the account are sentences.
    const tables = blocks.filter((block, index) => index > 1 && !block.includes('simulated account'));
    expect(tables).toHaveLength(7);
    for (const line of tables.join('\n').split('\n')) expect([line, line.length <= 80]).toEqual([line, true]);
  });

  test('lets no text become markup', () => {
    const page = formatEvaluationPage({ ...evaluation, ensembleId: '<b onload="x">&' });
    expect(page).not.toContain('<b onload');
    expect(escapeHtml(`<&>"'`)).toBe('&#60;&#38;&#62;&#34;&#39;');
  });
});
