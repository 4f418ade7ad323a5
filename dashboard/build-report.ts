// Builds what every report page holds: the script that draws its plots, and the dashboard's style.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

export interface ReportAssets {
  readonly script: string;
  readonly style: string;
}

/** Throws when a source does not compile. */
export function buildReportAssets(): ReportAssets {
  const { buildSync } = createRequire(import.meta.url)('esbuild') as typeof import('esbuild');
  const sourceOf = (name: string) => fileURLToPath(new URL(`./report/${name}`, import.meta.url));
  const { outputFiles } = buildSync({
    entryPoints: [sourceOf('charts.tsx'), sourceOf('report.css')],
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
