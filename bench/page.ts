// The operator's page in Chromium, on the API, the embedded services and the simulated exchange, all on this machine: how long until it
// is useful, and until it shows what another hand has written.
import { performance } from 'node:perf_hooks';
import { gzipSync } from 'node:zlib';
import { instant } from '../dashboard/app/format.ts';
import { readDashboard } from '../dashboard/page.ts';
import { MINUTE_MS } from '../lib/core/units.ts';
import { executionRecords } from '../lib/execution/use-cases/execution-records.ts';
import { BAR_MS } from '../lib/market/candle.ts';
import { type ApiStage, startApiStage, TOKEN } from '../test/support/api/api-stage.ts';
import { CHROMIUM, launchBrowser, type OpenedPage, openPage } from '../test/support/browser.ts';
import { BROKER_START_MS } from '../test/support/execution/broker-market.ts';
import { runOf, signalOf } from '../test/support/inference/sample-signals.ts';
import { median } from './median.ts';

const ROUNDS = 9;
const SNAPSHOTS = 1_440;
const WAIT_MS = 60_000;

type Page = OpenedPage['page'];

export async function benchPage() {
  if (CHROMIUM === undefined) throw new Error('no Chromium: install it or set QT_CHROMIUM');
  const stage = await startApiStage();
  const browser = await launchBrowser();
  try {
    await fillAccount(stage);
    const useful: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const { page } = await openPage(browser, `${stage.api.endpoint}/#token=${TOKEN}`);
      await isUseful(page);
      // By the page's own clock: since it was asked for. A browser's new tab is not ours.
      useful.push(await page.evaluate<number>('performance.now()'));
      await page.close();
    }
    const { page } = await openPage(browser, `${stage.api.endpoint}/#token=${TOKEN}`);
    await isUseful(page);
    await page.waitForSelector('[data-live=true]', { timeout: WAIT_MS });
    const bars: number[] = [];
    for (let round = 0; round < ROUNDS; round++) bars.push(await untilBarIsShown(stage, page));
    const trades: number[] = [];
    for (let round = 0; round < ROUNDS; round++) trades.push(await untilTradeIsShown(stage, page, round));
    const tripMs = await untilTripIsShown(stage, page);
    return {
      gzippedKb: gzipSync(readDashboard().body).length / 1_000,
      usefulMs: median(useful),
      usefulMsMax: Math.max(...useful),
      barShownMs: median(bars),
      barShownMsMax: Math.max(...bars),
      tradeShownMs: median(trades),
      tradeShownMsMax: Math.max(...trades),
      tripShownMs: tripMs,
    };
  } finally {
    await browser.close();
    await stage.close();
  }
}

/** A day of snapshots, and a bar. */
async function fillAccount({ system }: ApiStage): Promise<void> {
  const { codeVersion, risk } = system;
  const { equity } = executionRecords(risk);
  for (let minute = 0; minute < SNAPSHOTS; minute++) {
    const equityMicroUsdt = 10_000_000_000 + 1_000_000 * (minute % 97);
    await equity.add('paper', {
      ...{
        equityMicroUsdt,
        walletMicroUsdt: equityMicroUsdt,
        exposureMicroUsdt: 0,
        positions: 0,
        codeVersion,
      },
      atMs: BROKER_START_MS - minute * MINUTE_MS,
    });
  }
  await decideBar(system, BROKER_START_MS - BAR_MS);
}

async function decideBar({ signals, codeVersion }: ApiStage['system'], barOpenTimeMs: number): Promise<void> {
  for (const symbol of ['BTCUSDT', 'ETHUSDT']) await signals.put(signalOf(symbol, barOpenTimeMs));
  await signals.putRun(runOf(barOpenTimeMs, { codeVersion }));
}

const shown = (page: Page, place: string, text: string | RegExp): Promise<void> =>
  page.locator(place).filter({ hasText: text }).first().waitFor({ timeout: WAIT_MS });

/** Mode, money and a chart with its candles. */
async function isUseful(page: Page): Promise<void> {
  await shown(page, 'header', /PAPER.*USDT/);
  await shown(page, '.symbol h2', /USDT .*USDT/);
  await page.locator('.symbol .chart canvas').first().waitFor({ timeout: WAIT_MS });
}

async function untilBarIsShown(stage: ApiStage, page: Page): Promise<number> {
  stage.advance(BAR_MS);
  const barOpenTimeMs = Math.floor(stage.clock.nowMs() / BAR_MS) * BAR_MS - BAR_MS;
  await decideBar(stage.system, barOpenTimeMs);
  const startedMs = performance.now();
  await shown(page, '.symbol', `on the bar of ${instant(barOpenTimeMs)} UTC`);
  return performance.now() - startedMs;
}

async function untilTradeIsShown(stage: ApiStage, page: Page, round: number): Promise<number> {
  await page.getByRole('tab', { name: 'Account' }).click();
  const closedAtMs = stage.clock.nowMs();
  stage.advance(1_000);
  await executionRecords(stage.system.risk).trades.add('paper', {
    ...{ symbol: `TRADE${round}USDT`, side: 'BUY', quantity: 0.014, entryPrice: 50_000, exitPrice: 50_250 },
    ...{ reason: 'horizon', feesMicroUsdt: 701_750, profitMicroUsdt: 2_798_250 },
    ...{ openedAtMs: closedAtMs - BAR_MS, closedAtMs, entryClientOrderId: `qt-${round}`, ensembleId: null },
  });
  const startedMs = performance.now();
  await shown(page, '[aria-label="Closed trades"]', `TRADE${round}USDT`);
  return performance.now() - startedMs;
}

async function untilTripIsShown(stage: ApiStage, page: Page): Promise<number> {
  const startedMs = performance.now();
  await stage.call('/api/actions', {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify({ act: 'trip', scope: 'paper', reason: 'measured' }),
  });
  await shown(page, 'header', 'TRIPPED');
  return performance.now() - startedMs;
}
