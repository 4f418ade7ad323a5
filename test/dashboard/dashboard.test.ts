// The operator's page in a real browser, on the API, the embedded services and the simulated exchange.
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { API_ERRORS } from '../../lib/api/api-error.ts';
import { MINUTE_MS } from '../../lib/core/units.ts';
import { executionRecords } from '../../lib/execution/use-cases/execution-records.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import type { TradeRecord } from '../../lib/risk/records.ts';
import {
  APPROVER_TOKEN,
  type ApiStage,
  READER_TOKEN,
  startApiStage,
  TOKEN,
} from '../support/api/api-stage.ts';
import { browserSuite, CHROMIUM, launchBrowser, openPage } from '../support/browser.ts';
import { BROKER_START_MS } from '../support/execution/broker-market.ts';
import { runOf, signalOf } from '../support/inference/sample-signals.ts';

const LAST_BAR_MS = BROKER_START_MS - BAR_MS;
const SOON = { timeout: 30_000 };

const trade: TradeRecord = {
  ...{ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.014, entryPrice: 50_000, exitPrice: 50_250 },
  ...{ reason: 'horizon', feesMicroUsdt: 701_750, profitMicroUsdt: 2_798_250 },
  ...{ openedAtMs: LAST_BAR_MS - 60 * MINUTE_MS, closedAtMs: LAST_BAR_MS },
  ...{ entryClientOrderId: 'qt-entry', ensembleId: 'e20240728_000000' },
};

describe.skipIf(CHROMIUM === undefined)(browserSuite('the dashboard in a browser'), () => {
  let browser: Browser;
  let stage: ApiStage;
  let page: Page;
  let complaints: readonly string[];
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    stage = await startApiStage();
    const { signals, risk, codeVersion } = stage.system;
    await signals.put(
      signalOf('BTCUSDT', LAST_BAR_MS, { action: 'HOLD', reasons: ['edge_below_threshold'] }),
    );
    await signals.put(signalOf('ETHUSDT', LAST_BAR_MS));
    const abstentions = [
      {
        symbol: 'SOLUSDT',
        barOpenTimeMs: LAST_BAR_MS,
        abstained: 'illiquid' as const,
        message: 'few trades',
      },
    ];
    await signals.putRun(runOf(LAST_BAR_MS, { codeVersion, abstentions }));
    const records = executionRecords(risk);
    await records.trades.add('paper', trade);
    for (const [minute, equityMicroUsdt] of [10_000e6, 10_100e6, 9_999e6, 10_003e6].entries())
      await records.equity.add('paper', {
        ...{
          atMs: BROKER_START_MS + (minute - 4) * MINUTE_MS,
          equityMicroUsdt,
          walletMicroUsdt: equityMicroUsdt,
        },
        ...{ exposureMicroUsdt: 0, positions: 0, codeVersion },
      });
  });
  afterEach(async () => {
    await page.close();
    await stage.close();
  });

  const open = async (more: Parameters<typeof openPage>[2] = {}, hash = `#token=${TOKEN}`) => {
    ({ page, complaints } = await openPage(browser, `${stage.api.endpoint}/${hash}`, more));
  };
  const textOf = async (place: string) => (await page.locator(place).innerText()).replace(/\s+/g, ' ');
  const see = (place: string) => expect.poll(() => textOf(place), SOON);
  const choose = (tab: string) => page.getByRole('tab', { name: tab, exact: true }).click();

  it('shows mode, reasons, account and the age of everything, from a link that gives its token away to nobody', async () => {
    await open();
    await see('header').toMatch(
      /^PAPER paper account, level PAPER Equity 10,003\.00 USDT Capital 10,003\.00 USDT Positions 0 of 10/,
    );
    await see('header').toContain('Circuit breaker ARMED Last bar 5 s ago Snapshot 1 min ago');
    await see('.summary').toMatch(
      /^New positions may be opened on the simulated account\. The bar of .* gave/,
    );
    await see('.summary').toContain('1 symbols abstained');
    expect(page.url()).toBe(`${stage.api.endpoint}/`);
    await expect.poll(() => page.title(), SOON).toBe('PAPER – Quantum Trader');
    // The session remembers it; a new one does not.
    await page.reload();
    await see('header').toContain('PAPER');
    expect(complaints).toEqual([]);
  });

  it('puts those that act first, then those that abstain, and shows what each model said', async () => {
    await open();
    await see('.symbols ul').toMatch(/^ETHUSDT BUY .* SOLUSDT abstains illiquid BTCUSDT HOLD/);
    await page.getByRole('searchbox').fill('sol');
    await see('.symbols ul').toMatch(/^SOLUSDT/);
    await page.getByRole('searchbox').fill('');
    await page.getByRole('button', { name: /^BTCUSDT/ }).click();
    await see('.symbol').toMatch(/^BTCUSDT 50,000 USDT/);
    await see('.symbol').toContain('no action: edge below threshold');
    await expect
      .poll(() => page.locator('.votes li').count(), SOON)
      .toBe(signalOf('BTCUSDT', 0).votes.length);
    // Candles are on the canvas, once they are painted: not every pixel has one colour.
    const colours = () =>
      page.evaluate(`
        const canvas = document.querySelector('.chart canvas');
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        new Set(Array.from({ length: data.length / 4 }, (_, at) => data.slice(at * 4, at * 4 + 4).join())).size`);
    await expect.poll(colours, SOON).toBeGreaterThan(3);
    expect(complaints).toEqual([]);
  });

  it('lists trades, days and the drawdown as the API gives them', async () => {
    await open();
    await choose('Account');
    await see('[aria-label="Closed trades"]').toContain(
      'BTCUSDT long 0.014 50,000 50,250 horizon 1 h 0 min 0.70 +2.80',
    );
    await see('main').toContain('Deepest fall 1.00 %');
    const { json } = await stage.call('/api/equity?count=5000');
    expect(json.drawdown.fraction).toBeCloseTo(101 / 10_100, 9);
  });

  it('follows the system: a new bar, a trade and a trip show by themselves', async () => {
    await open();
    await see('header').toContain('PAPER');
    await see('footer').toContain('Shown as it happens');
    const { signals, risk, codeVersion } = stage.system;
    stage.advance(BAR_MS);
    await signals.put(signalOf('BTCUSDT', BROKER_START_MS));
    await signals.putRun(runOf(BROKER_START_MS, { codeVersion }));
    await see('.symbols ul').toMatch(/^BTCUSDT BUY/);
    await executionRecords(risk).trades.add('paper', {
      ...trade,
      symbol: 'ETHUSDT',
      closedAtMs: BROKER_START_MS,
    });
    await choose('Account');
    await see('[aria-label="Closed trades"]').toContain('ETHUSDT long');
    await stage.call('/api/emergency/stop', {
      ...{
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"reason":"by another hand"}',
      },
    });
    await see('header').toMatch(/^OFF .* Circuit breaker TRIPPED/);
    await see('.reasons').toContain('by another hand');
    await expect.poll(() => page.title(), SOON).toBe('OFF – Quantum Trader');
  });

  it('asks by itself while it is told nothing, and listens again as soon as it can', async () => {
    await open({}, '');
    await page.route('**/api/events', (route) => route.abort());
    await page.getByLabel('Token').fill(TOKEN);
    await page.getByRole('button', { name: 'Show' }).click();
    await see('footer').toContain('Asked for every 3 s');
    const { signals, codeVersion } = stage.system;
    stage.advance(BAR_MS);
    await signals.put(signalOf('BTCUSDT', BROKER_START_MS));
    await signals.putRun(runOf(BROKER_START_MS, { codeVersion }));
    await see('.symbols ul').toMatch(/^BTCUSDT BUY/);
    await see('footer').toContain('Asked for every 3 s');
    await page.unroute('**/api/events');
    await see('footer').toContain('Shown as it happens');
    // A server that goes away takes its stream along.
    await stage.api.close();
    await see('footer').toContain('Asked for every 3 s');
    expect(complaints).toEqual([]);
  });

  it('stops everything once it is asked twice, and says what was done', async () => {
    await open();
    await page.getByRole('button', { name: 'Emergency stop' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Stop and close all positions' }).click();
    // Without a reason nothing is sent.
    expect((await stage.system.risk.readGate('paper'))?.latch).toBe('ARMED');
    await dialog.getByLabel('Reason').fill('seen on the page');
    await dialog.getByRole('button', { name: 'Stop and close all positions' }).click();
    await see('dialog[open] .outcome').toMatch(/^Everything is stopped\./);
    await see('header').toContain('OFF');
    expect((await stage.system.risk.readGate('paper'))?.latch).toBe('TRIPPED');
    await see('.reasons').toContain('seen on the page');
    expect(complaints).toEqual([]);
  });

  it('tells a refused stop from one that was not complete', { timeout: 240_000 }, async () => {
    await open({}, '#token=wrong-token-0123456789');
    await see('main').toContain(API_ERRORS.unauthorised.meaning);
    const stop = async () => {
      await page.getByRole('button', { name: 'Emergency stop' }).click();
      await page.getByRole('dialog').getByLabel('Reason').fill('x');
      await page.getByRole('button', { name: 'Stop and close all positions' }).click();
    };
    await stop();
    await see('dialog[open] .outcome').toMatch(/^Refused, nothing was stopped/);
    expect((await stage.system.risk.readGate('paper'))?.latch).toBe('ARMED');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Use another token' }).click();
    await page.getByLabel('Token').fill(TOKEN);
    await page.getByRole('button', { name: 'Show' }).click();
    await see('header').toContain('PAPER');
    stage.aws.faults.dynamodb.inject({ kind: 'error', times: 10_000 });
    await stop();
    await expect
      .poll(() => textOf('dialog[open] .outcome'), { timeout: 120_000 })
      .toMatch(/^INCOMPLETE\. Do this manually:.*latch \(paper\)/);
  });

  it('flips a flag once it is asked for a reason, and says what became of it', async () => {
    await open();
    await choose('Go live');
    const flag = async () =>
      (await stage.system.flags.read(['QT_ENABLE_AI_TRADING'])).get('QT_ENABLE_AI_TRADING');
    await page.getByRole('button', { name: 'Set QT_ENABLE_AI_TRADING to false' }).click();
    const dialog = page.getByRole('dialog', { name: 'Set QT_ENABLE_AI_TRADING to false' });
    await dialog.getByRole('button', { name: 'Confirm' }).click();
    // Without a reason nothing is sent.
    expect(await flag()).toEqual({ kind: 'text', text: 'true' });
    await dialog.getByLabel('Reason').fill('seen on the page');
    await dialog.getByRole('button', { name: 'Confirm' }).click();
    await see('dialog[open] .outcome').toBe('Done. QT_ENABLE_AI_TRADING: true -> false');
    expect(await flag()).toEqual({ kind: 'text', text: 'false' });
    await dialog.getByRole('button', { name: 'Close' }).click();
    await see('header').toMatch(/^OFF/);
    await page.getByRole('button', { name: 'Set QT_ENABLE_AI_TRADING to true' }).click();
    // An answer that never comes is not a refusal.
    await page.route('**/api/actions', (route) => route.abort());
    const again = page.getByRole('dialog', { name: 'Set QT_ENABLE_AI_TRADING to true' });
    await again.getByLabel('Reason').fill('seen on the page');
    await again.getByRole('button', { name: 'Confirm' }).click();
    await see('dialog[open] .outcome').toMatch(/^No answer: .* It may have been done/);
    await again.getByRole('button', { name: 'Cancel' }).click();
    await choose('Log');
    await see('[aria-label="Audit trail"]').toContain(
      'set flag ada QT_ENABLE_AI_TRADING false: seen on the page',
    );
    expect(complaints).toEqual([]);
  });

  it('changes capital and positions, to nothing but what the gate takes', async () => {
    await open();
    await choose('Go live');
    await page.getByRole('button', { name: 'Change QT_MAX_POSITIONS' }).click();
    const dialog = page.getByRole('dialog', { name: 'Change QT_MAX_POSITIONS' });
    expect(await dialog.getByLabel('Value').inputValue()).toBe('10');
    await dialog.getByLabel('Reason').fill('a calm start');
    const positions = async () =>
      (await stage.system.flags.read(['QT_MAX_POSITIONS'])).get('QT_MAX_POSITIONS');
    for (const wrong of ['101', '-1', '3 ', 'ten', '']) {
      await dialog.getByLabel('Value').fill(wrong);
      await dialog.getByRole('button', { name: 'Confirm' }).click();
    }
    // Not sent.
    expect(await positions()).toEqual({ kind: 'text', text: '10' });
    await dialog.getByLabel('Value').fill('3');
    await dialog.getByRole('button', { name: 'Confirm' }).click();
    await see('dialog[open] .outcome').toBe('Done. QT_MAX_POSITIONS: 10 -> 3');
    expect(await positions()).toEqual({ kind: 'text', text: '3' });
    await see('header').toContain('Positions 0 of 3');
    await dialog.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('button', { name: 'Change QT_MAX_CAPITAL_ALLOCATION' }).click();
    const capital = page.getByRole('dialog', { name: 'Change QT_MAX_CAPITAL_ALLOCATION' });
    expect(await capital.getByLabel('Value').inputValue()).toBe('1');
    await capital.getByLabel('Value').fill('0.25');
    await capital.getByLabel('Reason').fill('a calm start');
    await capital.getByRole('button', { name: 'Confirm' }).click();
    await see('dialog[open] .outcome').toMatch(/^Done\./);
    await see('header').toContain('Capital 2,500.75 USDT');
    expect(complaints).toEqual([]);
  });

  it('shows the whole market bar by bar', async () => {
    const { signals, codeVersion } = stage.system;
    const actions = { BUY: 1, SELL: 2, HOLD: 16 };
    await signals.putRun(runOf(LAST_BAR_MS - BAR_MS, { codeVersion, actions }));
    await open();
    await see('[aria-label="Whole market"]').toContain(
      'BUY 0 %, SELL 0 %, HOLD 50 %, abstaining 50 % (1 illiquid); mean consensus 75 %.',
    );
    const chart = page.getByRole('img', { name: /^Decisions by bar over the last 2 bars/ });
    await expect.poll(() => chart.locator('canvas').count(), SOON).toBeGreaterThan(0);
    expect(complaints).toEqual([]);
  });

  it('asks two people for a reset, and refuses one that has nothing to approve', async () => {
    await open();
    await choose('Go live');
    await page.getByRole('button', { name: 'Trip the circuit breaker' }).click();
    await page.getByRole('dialog', { name: 'Trip the circuit breaker' }).getByLabel('Reason').fill('a drill');
    await page.getByRole('button', { name: 'Confirm' }).click();
    await see('dialog[open] .outcome').toMatch(/^Done\./);
    await page.getByRole('button', { name: 'Close' }).click();
    await see('header').toContain('Circuit breaker TRIPPED');
    await page.getByRole('button', { name: 'Request a reset of the circuit breaker' }).click();
    const dialog = page.getByRole('dialog', { name: 'Request a reset of the circuit breaker' });
    await dialog.getByLabel('Reason').fill('too early');
    await dialog.getByRole('button', { name: 'Confirm' }).click();
    // Its cooldown is not over.
    await see('dialog[open] .outcome').toMatch(/^(Refused, nothing was changed: |Done)/);
    await page.getByRole('button', { name: /^(Cancel|Close)$/ }).click();
    expect(await page.getByRole('button', { name: /^Approve/ }).count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  it('shows each role what it may do: a reader nothing, an approver the approvals', async () => {
    await open({}, `#token=${READER_TOKEN}`);
    await see('footer').toContain('Signed in as eve, reader');
    await see('header').toContain('PAPER');
    const buttons = () => page.getByRole('button').allInnerTexts();
    for (const tab of ['Market', 'Account', 'Models', 'Go live', 'Log']) {
      await choose(tab);
      await expect.poll(() => page.getByText('Reading …').count(), SOON).toBe(0);
      for (const text of await buttons())
        expect(text).not.toMatch(/stop|set (true|false)|trip|reset|sign off|advance|step down|quarantine/i);
    }
    await page.goto(`${stage.api.endpoint}/#token=${APPROVER_TOKEN}`);
    await see('footer').toContain('Signed in as bob, approver');
    await choose('Go live');
    await see('main').toContain('Sign off as risk manager');
    expect(await buttons()).toContain('Emergency stop');
    expect((await buttons()).join()).not.toMatch(/set (true|false)|trip|advance|step down/i);
    expect(page.url()).toBe(`${stage.api.endpoint}/`);
    expect(complaints).toEqual([]);
  });

  it('looks stale when it is, and keeps what it last knew', async () => {
    await open();
    await see('header').toContain('PAPER');
    await page.context().setOffline(true);
    await see('[role=status]').toContain('Not updated');
    await expect.poll(() => page.locator('.page.stale').count(), SOON).toBe(1);
    await see('header').toContain('behind');
    await page.context().setOffline(false);
    await expect.poll(() => page.locator('.page.stale').count(), SOON).toBe(0);
  });

  it.each([
    ['a desk, light', { width: 1440, height: 900 }],
    ['a desk, dark', { width: 1440, height: 900, dark: true }],
    ['a telephone, light', { width: 375, height: 812 }],
    ['a telephone, dark', { width: 375, height: 812, dark: true }],
  ])('can be read and used by anybody: %s', async (_, view) => {
    await open(view);
    for (const tab of ['Market', 'Account', 'Models', 'Go live', 'Log']) {
      await choose(tab);
      await expect.poll(() => page.getByText('Reading …').count(), SOON).toBe(0);
      await page.evaluate(axe.source);
      const violations = await page.evaluate(async () => {
        // biome-ignore lint/suspicious/noExplicitAny: axe puts itself on the page's window
        const result = await (globalThis as any).axe.run();
        return result.violations.map(({ id, nodes }: { id: string; nodes: { html: string }[] }) => [
          id,
          nodes.map(({ html }) => html),
        ]);
      });
      expect([tab, violations]).toEqual([tab, []]);
      const width = await page.evaluate('document.documentElement.scrollWidth');
      expect([tab, width]).toEqual([tab, view.width]);
    }
    // By keyboard: the tabs are one stop, and arrows move within them.
    await page.getByRole('tab', { name: 'Log' }).focus();
    await page.keyboard.press('ArrowRight');
    expect(await page.getByRole('tab', { selected: true }).innerText()).toBe('Market');
    expect(complaints).toEqual([]);
  });
});
