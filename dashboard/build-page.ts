// Builds the dashboard: one page that holds its script and its style, and loads nothing from anywhere.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundlePage } from './bundle.ts';

const APP = new URL('./app/', import.meta.url);
const PAGE = new URL('./page.html', import.meta.url);

/** Writes `dashboard/page.html`, unless it is there and of these sources. Throws when a source does not compile. */
export function buildPage(): void {
  const stamp = `<!-- ${hashOfSources()} -->`;
  if (existsSync(PAGE) && readFileSync(PAGE, 'utf8').endsWith(stamp)) return;
  const sourceOf = (name: string) => fileURLToPath(new URL(name, APP));
  const { script, style } = bundlePage([sourceOf('main.tsx'), sourceOf('style.css')]);
  const template = readFileSync(new URL('page.html', APP), 'utf8');
  const page = template
    .replace('<style></style>', () => `<style>${style}</style>`)
    .replace('<script></script>', () => `<script>${script}</script>`);
  // Two processes may build at once: each page is whole.
  const mine = new URL(`./.page-${process.pid}.html`, import.meta.url);
  writeFileSync(mine, page + stamp);
  renameSync(mine, PAGE);
}

function hashOfSources(): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(APP).sort()) hash.update(readFileSync(new URL(name, APP)));
  hash.update(readFileSync(new URL('../package-lock.json', import.meta.url)));
  return hash.digest('hex');
}
