// What an operator is told of a run of execute: every order that did not do what was decided is a problem, by whatever outcome.
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { createTelemetry } from '../../lib/adapters/telemetry/powertools-telemetry.ts';
import { recordExecuteReport } from '../../lib/adapters/telemetry/record-execute-report.ts';
import type { DecisionOutcome, ExecuteReport } from '../../lib/execution/execute-report.ts';
import { BAR } from '../support/trading/trading-world.ts';

/** The alarm's metric. */
function problemsOf(outcome: DecisionOutcome): number {
  const output = new PassThrough();
  const telemetry = createTelemetry({ service: 'execute', stage: 'test', output });
  const report: ExecuteReport = {
    ...{ barOpenTimeMs: BAR, shard: 0, shardCount: 1, atMs: BAR + 300_000, scope: 'paper', mode: 'PAPER' },
    ...{ reasons: [], versionDifferences: [], missingSignals: [], held: 0 },
    decisions: [{ symbol: 'BTCUSDT', action: 'BUY', outcomes: [outcome], message: '' }],
  };
  recordExecuteReport(telemetry, report);
  const lines = String(output.read()).trim().split('\n');
  const metrics = lines.map((line) => JSON.parse(line)).find((line) => '_aws' in line);
  return metrics.OrderProblems;
}

it.each(['entry', 'exit'] as const)('counts an %s that was refused, lost or never left', (order) => {
  for (const end of ['rejected', 'unknown', 'unsent'] as const)
    expect([end, problemsOf(`${order}_${end}`)]).toEqual([end, 1]);
});

it('counts none that was taken', () => {
  expect([problemsOf('entered'), problemsOf('exited')]).toEqual([0, 0]);
});
