// The dashboard as the API serves it: one file that loads nothing from anywhere. Its policy allows the script and the style in the
// page, by their hashes, and requests to the page's own origin; nothing else.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface DashboardPage {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Beside this file in the sources, where build-page.ts has put it, and beside the bundle on Lambda. Throws where it is missing. */
export function readDashboard(): DashboardPage {
  const body = readFileSync(new URL('./page.html', import.meta.url), 'utf8');
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(body, 'script')}`,
    `style-src ${hashOf(body, 'style')}`,
    "connect-src 'self'",
    // The page's empty icon: without one the browser asks for /favicon.ico.
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policy.join('; '),
    },
    body,
  };
}

function hashOf(html: string, tag: 'script' | 'style'): string {
  const text = html.slice(html.indexOf(`<${tag}>`) + tag.length + 2, html.indexOf(`</${tag}>`));
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
