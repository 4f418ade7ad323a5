// Builds the dashboard: one page that holds its script and its style, and loads nothing from anywhere.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const APP = new URL('./app/', import.meta.url);
const PAGE = new URL('./page.html', import.meta.url);

/** Writes `dashboard/page.html`, unless it is there and of these sources. Throws when a source does not compile. */
export function buildPage(): void {
  const stamp = `<!-- ${hashOfSources()} -->`;
  if (existsSync(PAGE) && readFileSync(PAGE, 'utf8').endsWith(stamp)) return;
  // Needed only here: a machine that has the page can do without the bundler.
  const { buildSync } = createRequire(import.meta.url)('esbuild') as typeof import('esbuild');
  const { outputFiles } = buildSync({
    entryPoints: [fileURLToPath(new URL('main.tsx', APP)), fileURLToPath(new URL('style.css', APP))],
    outdir: '.',
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
  });
  const textOf = (end: string): string => outputFiles.find(({ path }) => path.endsWith(end))!.text.trim();
  // A closing tag within the script would end it.
  const script = textOf('.js').replaceAll('</script', '<\\/script');
  const template = readFileSync(new URL('page.html', APP), 'utf8');
  const page = template
    .replace('<style></style>', () => `<style>${textOf('.css')}</style>`)
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
