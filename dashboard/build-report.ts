// Builds what every report page holds: the script that draws its plots, and the dashboard's style.
import { fileURLToPath } from 'node:url';
import { bundlePage, type PageAssets } from './bundle.ts';

/** Throws when a source does not compile. */
export function buildReportAssets(): PageAssets {
  const sourceOf = (name: string) => fileURLToPath(new URL(`./report/${name}`, import.meta.url));
  return bundlePage([sourceOf('charts.tsx'), sourceOf('report.css')]);
}
