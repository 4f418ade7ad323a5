// A real browser: Chromium as the system's package manager installs it (Debian: apt-get install chromium), or at QT_CHROMIUM.
import { accessSync, constants } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export const CHROMIUM = [process.env.QT_CHROMIUM, ...PLACES].find((path) => {
  if (path === undefined) return false;
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
});

/** Of a suite that needs the browser: says that it is skipped, and how it would not be. */
export const browserSuite = (name: string): string =>
  CHROMIUM === undefined ? `${name} (skipped: no Chromium found; install it or set QT_CHROMIUM)` : name;

// As root, as in a container, Chromium has no sandbox of its own.
export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath: CHROMIUM!, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });

export interface OpenedPage {
  readonly page: Page;
  /** What must stay empty: errors in the console, errors of scripts, requests to anywhere but the page's own origin. */
  readonly complaints: readonly string[];
}

export async function openPage(
  browser: Browser,
  url: string,
  { width = 1440, height = 900, dark = false } = {},
): Promise<OpenedPage> {
  const complaints: string[] = [];
  const page = await browser.newPage({
    viewport: { width, height },
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
  });
  page.on('console', (message) => {
    // Chromium itself reports every answer above 399 so: what the page makes of those is seen on the page.
    const isAnswer = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !isAnswer) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(new URL(url).origin) && !request.url().startsWith('data:'))
      complaints.push(`asked ${request.url()}`);
  });
  await page.goto(url);
  return { page, complaints };
}
