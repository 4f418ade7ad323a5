#!/usr/bin/env node
// Whether the system on this machine works: its API answers, and its position manager has looked at the account within minutes of its
// own clock. For a container's HEALTHCHECK: `healthcheck.mjs STATE PORT`.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const EQUITY_AGE_MS_MAX = 5 * 60_000;

/** @returns one line of what is wrong; undefined when nothing is */
async function problem(state, port) {
  const token = readFileSync(join(state, 'api-token'), 'utf8').trim();
  const answer = await fetch(`http://127.0.0.1:${port}/api/status`, {
    headers: { authorization: `Bearer ${token}` },
    redirect: 'error',
    signal: AbortSignal.timeout(8_000),
  });
  if (!answer.ok) return `the API answers ${answer.status}`;
  const { atMs, equity, unread } = await answer.json();
  if (unread.length > 0) return `unread: ${unread[0]}`;
  // Without a first snapshot it has just begun.
  const ageMs = equity === null ? 0 : atMs - equity.atMs;
  return ageMs > EQUITY_AGE_MS_MAX
    ? `the last equity snapshot is ${Math.round(ageMs / 60_000)} minutes old`
    : undefined;
}

const [state = '/state', port = '8420'] = process.argv.slice(2);
const wrong = await problem(state, port).catch((error) => `no answer: ${error.message}`);
if (wrong !== undefined) console.error(wrong);
process.exitCode = wrong === undefined ? 0 : 1;
