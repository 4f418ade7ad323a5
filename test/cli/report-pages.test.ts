// Every report page in a real browser: on a telephone and on a desk, light and dark.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import axe from 'axe-core';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatBacktestPage } from '../../cli/reports/backtest-page.ts';
import { formatComparisonPage } from '../../cli/reports/comparison.ts';
import { formatDriftPage } from '../../cli/reports/drift-page.ts';
import { formatEvaluationPage } from '../../cli/reports/evaluation-page.ts';
import { formatGoNoGoPage } from '../../cli/reports/gonogo-page.ts';
import { formatSweepPage } from '../../cli/reports/sweep-page.ts';
import { formatTradeStudyPage } from '../../cli/reports/trade-study-page.ts';
import { success } from '../../lib/core/result.ts';
import { DAY_MS } from '../../lib/core/units.ts';
import { type BacktestSettings, releasedSettings } from '../../lib/research/backtest-settings.ts';
import { compareBacktests, parseBacktest } from '../../lib/research/compare-backtests.ts';
import type { TradeFigures } from '../../lib/research/trades/trade-study.ts';
import type { BacktestReport } from '../../lib/research/use-cases/backtest-report.ts';
import { reportSweep, type SweptRun } from '../../lib/research/use-cases/report-sweep.ts';
import { decideGoNoGo, GO_CRITERIA } from '../../lib/rollout/go-no-go.ts';
import type { CollectedEvidence } from '../../lib/rollout/use-cases/collect-evidence.ts';
import { browserSuite, CHROMIUM, launchBrowser, openPage } from '../support/browser.ts';
import { evaluateSmall } from '../support/models/evaluate-small.ts';
import { plotsOf } from '../support/report-page.ts';
import { answersOf, type Bar, ENSEMBLE, FROM_MS, pastOf, replay } from '../support/trading/past.ts';

const WIDTHS = [375, 1440];
const SOON = { timeout: 60_000 };

/** Prices that rise and fall: longs and shorts are stopped, or run to their horizon. */
const candles = pastOf(
  Array.from({ length: 400 }, (_, bar): Bar => {
    const [open, close] = [bar, bar + 1].map((at) => Math.round(100 * (100 + 3 * Math.sin(at / 9))) / 100);
    return [open!, Math.max(open!, close!) + 0.25, Math.min(open!, close!) - 0.25, close!];
  }),
);

function smallBacktest(settings: Partial<BacktestSettings> = {}): Promise<BacktestReport> {
  const wishes = Object.fromEntries(
    Array.from({ length: 20 }, (_, trade) => [trade * 19, trade % 3 === 0 ? 'SELL' : 'BUY'] as const),
  );
  const idle = { candles, predictions: answersOf('BTCUSDT', candles, {}) };
  const past = { candles, predictions: answersOf('AAAUSDT', candles, wishes) };
  return replay({ AAAUSDT: past, BTCUSDT: idle }, { settings });
}

const backtestPage = async () =>
  formatBacktestPage(await smallBacktest(), { series: new Map([['AAAUSDT', candles]]), charts: ['BTCUSDT'] });

/** As --json prints what cannot be computed. */
const orNull = (_: string, value: unknown) => (value === undefined ? null : value);

/** A wave of returns around a drift, over 40 days. */
const wave = (stopAtrMultiple: number, phase: number): SweptRun => {
  const returns = Array.from({ length: 40 }, (_, day) => 0.001 + Math.sin(day + phase) / 100);
  return {
    settings: { ...releasedSettings(ENSEMBLE), stopAtrMultiple },
    daily: returns.map((value, day) => ({ startMs: FROM_MS + day * DAY_MS, value })),
    summary: {
      ...{ trades: 3, wins: 2, losses: 1, winRate: 2 / 3, profitFactor: 2, expectancyUsdt: 1, sqn: 1 },
      ...{ averageDurationMs: 1, totalReturn: 0.01 * phase, annualReturn: undefined, sharpe: undefined },
      ...{ sharpeInterval: undefined, dailyReturnInterval: undefined, sortino: undefined, calmar: undefined },
      ...{ maxDrawdown: undefined, marketChange: 0 },
    },
  };
};

const sweepPage = () =>
  formatSweepPage(
    reportSweep([wave(1.2, 0), wave(2, 1), wave(4, 2)], {
      ...{ ensembleId: ENSEMBLE.id, range: { fromMs: FROM_MS, toMs: FROM_MS + 40 * DAY_MS } },
      ...{ inSample: 'partly', symbols: ['AAAUSDT'], chooseDays: 20, judgeDays: 10, symbolProblems: [] },
      log: success({ trials: 1, dailySharpes: [0.1] }),
      drawIndex: (count) => count - 1,
    }),
  );

async function comparisonPage(): Promise<string> {
  const saved = [undefined, { longOnly: true }].map(async (settings, index) => {
    const parsed = parseBacktest(JSON.stringify(await smallBacktest(settings), orNull), `run-${index}`);
    if (!parsed.ok) throw new Error(parsed.error);
    return { name: `run-${index}-with-a-rather-long-name-of-its-file`, run: parsed.value };
  });
  return formatComparisonPage(compareBacktests(await Promise.all(saved), (count) => count - 1));
}

const driftPage = () =>
  formatDriftPage({
    ...{ ensembleId: ENSEMBLE.id, featureSetHash: '', problems: [{ symbol: 'X', message: 'no candles' }] },
    training: { fromMs: 0, toMs: FROM_MS, rows: 1_000_000, symbols: ['AAAUSDT'] },
    recent: { fromMs: FROM_MS, toMs: FROM_MS + DAY_MS, rows: 2_016, symbols: ['AAAUSDT'], days: 7 },
    readings: { significant: 1, moderate: 1, stable: 1 },
    features: [
      { name: 'realised_volatility_1h', psi: 0.4, reading: 'significant', interval: { low: 0.3, high: 0.5 } },
      { name: 'volume_ratio', psi: 0.2, reading: 'moderate', interval: undefined },
      { name: 'is_doji', psi: 0.01, reading: 'stable', interval: undefined },
    ],
  });

function goNoGoPage(): string {
  const decision = decideGoNoGo({
    ...{ windowHours: 24, barsExpected: 288, barsDecided: 280, positionsOpened: 3, stopLossHits: 1 },
    ...{
      featureMismatches: 0,
      modelLoadFailures: 1,
      agreementXgbLgbm: 0.8,
      actingSignals: 0,
      meanConfidence: undefined,
    },
    ...{ worstDailyDrawdown: 0.02, profitUsdt: -3, memoryBytesMax: 5e8, latencyMsPerSymbol: 9 },
  });
  const window = { hours: 24, fromMs: FROM_MS, toMs: FROM_MS + DAY_MS };
  const evidence = {} as CollectedEvidence['evidence'];
  return formatGoNoGoPage(
    {
      ...{ decision, decidedAtMs: FROM_MS + DAY_MS, level: 'PAPER' },
      collected: { evidence, window, drift: undefined, unreadable: ['equity: no snapshot'] },
      stored: { key: 'evidence/2024-01-03T00:00Z-0123456789ab.json', sha256: 'ab'.repeat(32) },
    },
    {
      criteria: decision.results.map(({ status, criterion }) => [
        status,
        criterion,
        '1',
        GO_CRITERIA[criterion],
      ]),
      drift: 'drift was not measured',
    },
  );
}

const figures: TradeFigures = {
  ...{ trades: 100, stopHitRate: 0.5, grossBps: 12, netBps: -2, netInterval: { low: -9, high: 5 } },
  ...{ netFamily: { low: -12, high: 8 }, profitFactor: 0.9, adverseBps: 40, otherDaysNetBps: undefined },
  ...{ enteredRate: 1, enteredNetBps: -2 },
};
const unknown = { meanBps: undefined, interval: undefined, family: undefined };
const stopStudyPage = () =>
  formatTradeStudyPage({
    question: 'stops',
    ...{ ensembleId: ENSEMBLE.id, holdBars: 12, costs: { feeBps: 5, slippageBps: 2 }, symbols: 3 },
    ...{ fromMs: FROM_MS, toMs: FROM_MS + DAY_MS, decided: 1_000, acted: 100, excluded: 1, days: 6 },
    ...{ busiestDay: { startMs: FROM_MS, trades: 50 }, symbolProblems: [] },
    rules: ['1.2 x ATR 5m', 'no stop'].map((name) => ({
      ...{ name, signals: figures, control: figures },
      ...{ versusActive: unknown, versusControl: unknown },
    })),
    conclusion: {
      code: 'none_survives',
      survivors: [],
      better: [],
      worse: [],
      text: 'None of the 2 rules survives costs.',
    },
  });

const PAGES: Readonly<Record<string, () => string | Promise<string>>> = {
  backtest: backtestPage,
  evaluation: async () => formatEvaluationPage(await evaluateSmall(2)),
  sweep: sweepPage,
  comparison: comparisonPage,
  drift: driftPage,
  'go-no-go': goNoGoPage,
  'trade-study': stopStudyPage,
};

describe.skipIf(CHROMIUM === undefined)(browserSuite('report pages in a browser'), () => {
  let browser: Browser;
  let server: Server;
  let url: string;
  const pages = new Map<string, string>();
  beforeAll(async () => {
    for (const [name, format] of Object.entries(PAGES)) pages.set(`/${name}`, await format());
    server = createServer((request, response) =>
      response.setHeader('content-type', 'text/html; charset=utf-8').end(pages.get(request.url!)),
    );
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  const views = Object.keys(PAGES).flatMap((name) =>
    WIDTHS.flatMap((width) => [false, true].map((dark) => ({ name, width, dark }))),
  );
  test.each(views)('$name at $width px, dark: $dark', async ({ name, width, dark }) => {
    const { page, complaints } = await openPage(browser, `${url}/${name}`, { width, dark });
    const plots = plotsOf(pages.get(`/${name}`)!);
    // Each plot is drawn: its canvases have a size.
    await expect.poll(() => page.locator('.chart canvas').count(), SOON).toBeGreaterThanOrEqual(plots.length);
    for (const { id } of plots)
      expect(await page.locator(`#plot-${id} canvas`).count(), id).toBeGreaterThan(0);
    expect(await page.locator('.summary').innerText()).toMatch(/\w{3,}.*\.$/s);
    const scrolled = await page.evaluate('document.documentElement.scrollWidth');
    expect(scrolled).toBe(width);
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() =>
      (globalThis as unknown as { axe: typeof axe }).axe.run(),
    );
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('a script that is not the page’s own does not run', async () => {
    const injected = pages
      .get('/backtest')!
      .replace('</main>', '<script>document.title = "taken"</script></main>');
    pages.set('/injected', injected);
    const { page, complaints } = await openPage(browser, `${url}/injected`);
    await expect.poll(() => complaints.join(), SOON).toMatch(/Content Security Policy/);
    expect(await page.title()).toMatch(/^Backtest of ensemble/);
    await page.close();
  });
});
