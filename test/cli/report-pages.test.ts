// Every report page in a real browser: on a telephone and on a desk, light and dark.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import axe from 'axe-core';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatBacktestPage } from '../../cli/reports/backtest-page.ts';
import { browserSuite, CHROMIUM, launchBrowser, openPage } from '../support/browser.ts';
import { plotsOf } from '../support/report-page.ts';
import { answersOf, type Bar, pastOf, replay } from '../support/trading/past.ts';

const WIDTHS = [375, 1440];
const SOON = { timeout: 60_000 };

/** Prices that rise and fall, with longs and shorts that are stopped or run to their horizon. */
async function backtestPage(): Promise<string> {
  const bars = Array.from({ length: 400 }, (_, bar): Bar => {
    const open = 100 + 3 * Math.sin(bar / 9);
    const close = 100 + 3 * Math.sin((bar + 1) / 9);
    return [open, Math.max(open, close) + 0.2, Math.min(open, close) - 0.2, close].map(
      (price) => Math.round(price * 100) / 100,
    ) as unknown as Bar;
  });
  const candles = pastOf(bars);
  const wishes = Object.fromEntries(
    Array.from({ length: 20 }, (_, trade) => [trade * 19, trade % 3 === 0 ? 'SELL' : 'BUY'] as const),
  );
  const past = { candles, predictions: answersOf('AAAUSDT', candles, wishes) };
  const report = await replay({
    AAAUSDT: past,
    BTCUSDT: { ...past, predictions: answersOf('BTCUSDT', candles, {}) },
  });
  return formatBacktestPage(report, { series: new Map([['AAAUSDT', candles]]), charts: [] });
}

const PAGES: Readonly<Record<string, () => Promise<string>>> = {
  backtest: backtestPage,
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
