// A report as one HTML page to keep and to pass on: it loads nothing from anywhere, and its policy lets nothing else run than the
// script and the style that it holds.
import { createHash } from 'node:crypto';
import { buildReportAssets } from '../../dashboard/build-report.ts';
import type { Plot } from '../../dashboard/report/plots.ts';
import type { InSample } from '../../lib/research/evaluation.ts';
import { escapeHtml, type Fact, formatFacts } from './html.ts';

export const IN_SAMPLE_WORDS: Readonly<Record<`${InSample}`, string>> = {
  true: 'IN SAMPLE: the models were trained on all of these bars; these figures prove nothing',
  partly: 'PARTLY IN SAMPLE: the models were trained on some of these bars; these figures are too good',
  false: 'out of sample: no serving model was trained on any of these bars',
};

export interface Verdict {
  readonly text: string;
  readonly tone: 'good' | 'bad';
}

export const verdictOf = (inSample: InSample): Verdict => ({
  text: IN_SAMPLE_WORDS[`${inSample}`],
  tone: inSample === false ? 'good' : 'bad',
});

/** @param page.body HTML, with a place for each of the plots */
export function formatPage(page: {
  readonly title: string;
  readonly verdict?: Verdict;
  /** What happened, in one paragraph. */
  readonly summary: string;
  readonly facts: readonly Fact[];
  readonly body: readonly string[];
  readonly plots: readonly Plot[];
}): string {
  const { title, verdict, summary, facts, body, plots } = page;
  const { script, style } = buildReportAssets();
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  // Within a script only a closing tag could end it.
  const data = JSON.stringify(plots).replaceAll('<', '\\u003c');
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">',
    `<title>${escapeHtml(title)}</title><style>${style}</style></head><body><main>`,
    `<h1>${escapeHtml(title)}</h1>`,
    verdict === undefined ? '' : `<p class="verdict ${verdict.tone}">${escapeHtml(verdict.text)}</p>`,
    `<p class="summary">${escapeHtml(summary.replaceAll(' %', '\u00a0%'))}</p>`,
    facts.length === 0 ? '' : formatFacts(facts),
    ...body,
    '</main><footer><span>Quantum Trader</span><span>Charts: <a href="https://www.tradingview.com/">TradingView</a>',
    ' Lightweight Charts™, © TradingView, Inc.</span></footer>',
    `<script type="application/json" id="plots">${data}</script><script>${script}</script></body></html>\n`,
  ].join('\n');
}

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
