// Bundles what a page holds in itself: one script and one style.
import { createRequire } from 'node:module';

export interface PageAssets {
  readonly script: string;
  readonly style: string;
}

/** @param entryPoints paths of a script and a style sheet. Throws when a source does not compile. */
export function bundlePage(entryPoints: readonly [script: string, style: string]): PageAssets {
  // Needed only here: a machine that has the page can do without the bundler.
  const { buildSync } = createRequire(import.meta.url)('esbuild') as typeof import('esbuild');
  const { outputFiles } = buildSync({
    entryPoints: [...entryPoints],
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
  return { script: textOf('.js').replaceAll('</script', '<\\/script'), style: textOf('.css') };
}
