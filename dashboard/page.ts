// The dashboard as the API serves it: one file that loads nothing from anywhere. Its policy allows the script and the style in the
// page, by their hashes, and requests to the page's own origin; nothing else.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Beside this file in the sources, and beside the bundle on Lambda. */
const html = readFileSync(new URL('./page.html', import.meta.url), 'utf8');

export const DASHBOARD = {
  headers: {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': [
      "default-src 'none'",
      `script-src ${hashOf('script')}`,
      `style-src ${hashOf('style')}`,
      "connect-src 'self'",
      // The page's empty icon: without one the browser asks for /favicon.ico.
      'img-src data:',
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
  },
  body: html,
} as const;

function hashOf(tag: 'script' | 'style'): string {
  const text = html.slice(html.indexOf(`<${tag}>`) + tag.length + 2, html.indexOf(`</${tag}>`));
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
