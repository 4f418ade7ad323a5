// Takes the pictures of docs/images: the dashboard while it watches the recorded crash that `npm start` replays, at the widths of a desk and
// of a telephone, light and dark. Needs Chromium.
//
//   npm run pictures
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import UPNG from 'upng-js';
import { SAMPLE } from '../cli/commands/stage/start.ts';
import { readSystemStatus, type SystemStatus } from '../lib/execution/use-cases/system-status.ts';
import { apiTokenFile } from '../local/run/api-token-file.ts';
import { type LocalSystem, startLocalSystem } from '../local/run/local-system.ts';
import { chooseMarket } from '../local/run/market-choice.ts';
import { createReplayClock, type ReplayClock } from '../local/run/replay-clock.ts';
import { type ScheduledRun, scheduledRuns } from '../local/run/schedule.ts';
import { CHROMIUM, launchBrowser, openPage } from '../test/support/browser.ts';

const FOLDER = 'docs/images';
/** Earlier than `npm start` does: two hours of bars to look at before the entries. */
const START_MS = Date.parse('2024-08-04T22:40Z');
const END_MS = Date.parse('2024-08-05T03:00Z');
const BYTES_MAX = 1_000_000;
const COLOURS = 256;
/** For charts to be painted. */
const SETTLE_MS = 3_000;
const VIEWS = [
  ['', { width: 1440, height: 900 }],
  ['-dark', { width: 1440, height: 900, dark: true }],
  ['-phone', { width: 375, height: 812 }],
  ['-phone-dark', { width: 375, height: 812, dark: true }],
] as const;

if (CHROMIUM === undefined) {
  process.stderr.write('error: no Chromium found: install it, or set QT_CHROMIUM\n');
  process.exit(1);
}
const stateDir = await mkdtemp(join(tmpdir(), 'qt-pictures-'));
const clock = createReplayClock(START_MS, 'max');
const { market } = await chooseMarket({ dataFolder: SAMPLE, seed: 0, symbols: 20 }, undefined);
const system = await startLocalSystem({
  ...{ stateDir, port: 0, clock, exchange: { simulated: market, named: false } },
  warn: (text) => process.stderr.write(`${text}\n`),
});
const browser = await launchBrowser();
try {
  const runs = scheduledRuns(START_MS);
  await mkdir(FOLDER, { recursive: true });
  await runUntil({ system, clock, runs }, ({ positions }) => positions.length > 0);
  await takePictures(browser, 'dashboard', 'Market');
  await takePictures(browser, 'whole-market', 'Market', '[aria-label="Whole market"]');
  // Until they are closed, an hour later.
  await runUntil({ system, clock, runs }, ({ positions }) => positions.length === 0);
  await takePictures(browser, 'account', 'Account');
} finally {
  await browser.close();
  await system.close();
  await rm(stateDir, { recursive: true });
}
const sizes = await Promise.all(
  (await readdir(FOLDER)).map(async (name) => (await stat(join(FOLDER, name))).size),
);
const bytes = sizes.reduce((sum, size) => sum + size, 0);
process.stdout.write(`${sizes.length} pictures, ${Math.round(bytes / 1_000)} kB\n`);
if (bytes > BYTES_MAX) throw new Error(`the pictures have more than ${BYTES_MAX / 1_000} kB together`);

/** The functions on their schedule, until the position manager's run after which the status is as wanted. */
async function runUntil(
  run: { system: LocalSystem; clock: ReplayClock; runs: Iterator<ScheduledRun> },
  isWanted: (status: SystemStatus) => boolean,
): Promise<void> {
  for (;;) {
    const { job, dueMs } = run.runs.next().value;
    if (dueMs > END_MS) throw new Error('what the pictures show has not happened');
    await run.clock.waitUntil(dueMs, AbortSignal.timeout(60_000));
    const { failed } = await run.system.call(job);
    if (failed !== undefined) throw new Error(failed);
    if (job === 'infer') process.stderr.write(`${new Date(dueMs).toISOString()}\n`);
    if (job !== 'circuit-breaker') continue;
    if (isWanted(await readSystemStatus({ ...run.system.system, clock: run.clock }))) return;
  }
}

/** With a palette: a third of the bytes, and nothing that an eye misses. */
function shrink(png: Buffer): Buffer {
  const { buffer, byteOffset, byteLength } = new Uint8Array(png);
  const image = UPNG.decode(buffer.slice(byteOffset, byteOffset + byteLength));
  return Buffer.from(UPNG.encode(UPNG.toRGBA8(image), image.width, image.height, COLOURS));
}

/** @param place scrolled to. @default the top */
async function takePictures(browser: Browser, name: string, tab: string, place?: string): Promise<void> {
  const token = (await readFile(apiTokenFile(stateDir), 'utf8')).trim();
  for (const [suffix, view] of VIEWS) {
    const { page } = await openPage(browser, `${system.apiUrl}/#token=${token}`, view);
    await page.getByRole('tab', { name: tab, exact: true }).click();
    await page.locator('.chart canvas').first().waitFor();
    if (place !== undefined) await page.locator(place).scrollIntoViewIfNeeded();
    // Nothing is pointed at.
    await page.mouse.move(0, 0);
    await sleep(SETTLE_MS);
    await writeFile(join(FOLDER, `${name}${suffix}.png`), shrink(await page.screenshot()));
    await page.close();
  }
}
