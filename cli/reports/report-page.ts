// A report as one HTML page to keep and to pass on: it loads nothing from anywhere and runs no script.
import type { InSample } from '../../lib/research/evaluation.ts';
import { escapeHtml } from './svg-plot.ts';

export const IN_SAMPLE_WORDS: Readonly<Record<`${InSample}`, string>> = {
  true: 'IN SAMPLE: the models were trained on all of these bars; these figures prove nothing',
  partly: 'PARTLY IN SAMPLE: the models were trained on some of these bars; these figures are too good',
  false: 'out of sample: no serving model was trained on any of these bars',
};

/** @param page.body HTML */
export function formatPage(page: {
  readonly title: string;
  readonly inSample: InSample;
  readonly body: readonly string[];
}): string {
  const { title, inSample, body } = page;
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body>`,
    `<h1>${escapeHtml(title)}</h1>`,
    `<p class="verdict${inSample === false ? '' : ' seen'}">${escapeHtml(IN_SAMPLE_WORDS[`${inSample}`])}</p>`,
    ...body,
    '</body></html>\n',
  ].join('\n');
}

export const formatPlots = (plots: readonly string[]): string => `<div class="plots">${plots.join('')}</div>`;

/** @param head empty for a table of names and values */
export function formatHtmlTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  if (rows.length === 0) return '<p>none</p>';
  const cells = (tag: string, row: readonly (string | number)[]) =>
    `<tr>${row.map((cell) => `<${tag}>${escapeHtml(String(cell))}</${tag}>`).join('')}</tr>`;
  return `<table>${head.length > 0 ? cells('th', head) : ''}${rows.map((row) => cells('td', row)).join('')}</table>`;
}

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.verdict { padding: .6rem .9rem; border-left: 4px solid #2b7a3d; background: #eef7ef; }
.verdict.seen { border-color: #b00020; background: #fdecee; font-weight: 600; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; flex: 1 1 20rem; max-width: 30rem; }
figcaption { font-weight: 600; } svg { width: 100%; height: auto; } svg text { font-size: 10px; fill: #444; }
.grid { stroke: #e4e4e4; } pre { overflow-x: auto; font-size: 11px; line-height: 1.35; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
td, th { padding: .15rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #e4e4e4; }
td:first-child, th:first-child { text-align: left; }`;
