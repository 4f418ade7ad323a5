// `qt gonogo`: what the last day of paper trading has earned, criterion by criterion. The rollout itself moves by the hourly
// evaluation's own decision, never by this report, whose hours an operator may choose.
import type { Command } from 'commander';
import { type CriterionResult, GO_CRITERIA, type GoCriterion } from '../../../lib/rollout/go-no-go.ts';
import type { GoNoGoReport } from '../../../lib/rollout/use-cases/assess-rollout.ts';
import { CommandFailure, UsageError } from '../../command-error.ts';
import { formatInstant, formatPercent } from '../../format/format-figure.ts';
import { parseCount } from '../../options.ts';
import { addSystemOptions, type SystemOptions, withSystem } from '../../system.ts';

interface GoNoGoOptions extends SystemOptions {
  readonly hours: number;
  readonly verify?: string;
  readonly json: boolean;
}

const HOURS_DEFAULT = 24;
/** A longer window is judged NO_GO; reading it would only cost. */
const HOURS_MAX = 72;
const EXIT_NO_GO = 1;

export function addGoNoGoCommand(program: Command): void {
  addSystemOptions(program.command('gonogo'))
    .description('GO or NO_GO from the last hours of paper trading; exit code 0 GO, 1 NO_GO')
    .option('--hours <n>', 'how many hours to judge (GO needs 24 to 48)', parseCount, HOURS_DEFAULT)
    .option('--verify <key>', 'prove stored evidence instead: its bytes, and that its verdict follows')
    .option('--json', 'print JSON', false)
    .action(runGoNoGo);
}

async function runGoNoGo(options: GoNoGoOptions): Promise<void> {
  if (options.verify !== undefined) return verify(options, options.verify);
  if (options.hours > HOURS_MAX) throw new UsageError(`--hours must be at most ${HOURS_MAX}`);
  const { reportGoNoGo } = await import('../../../lib/rollout/use-cases/assess-rollout.ts');
  const { createBarTallies } = await import('../../../lib/inference/use-cases/tally-bars.ts');
  const report = await withSystem(options, async (system) => {
    const nowMs = (await system.readClock()).nowMs();
    const shards = await system.readShards();
    const tallies = createBarTallies(system.signals);
    return reportGoNoGo({ ...system, tallies, shards }, { hours: options.hours, nowMs });
  });
  if (options.json) printJson({ ...report.decision, ...report });
  else for (const line of describe(report)) print(line);
  if (report.decision.verdict === 'NO_GO') process.exitCode = EXIT_NO_GO;
}

async function verify(options: GoNoGoOptions, key: string): Promise<void> {
  const { verifyEvidence } = await import('../../../lib/rollout/use-cases/evidence-bundle.ts');
  const proven = await withSystem(options, ({ objects }) =>
    verifyEvidence(objects, { key, sha256: undefined }),
  );
  if (!proven.ok) throw new CommandFailure(proven.error);
  if (options.json) return printJson(proven.value);
  print(`${key} is unchanged: ${proven.value.verdict}, ${formatInstant(proven.value.decidedAtMs)} UTC`);
}

function describe({ decision, collected, stored }: GoNoGoReport): string[] {
  const { hours, fromMs, toMs } = collected.window;
  return [
    `${decision.verdict} over ${hours} h, ${formatInstant(fromMs)} to ${formatInstant(toMs)} UTC`,
    ...decision.results.map(describeResult),
    describeDrift(collected.drift),
    ...collected.unreadable.map((why) => `unreadable: ${why}`),
    `evidence ${stored.key} sha256 ${stored.sha256}`,
  ];
}

function describeDrift(drift: GoNoGoReport['collected']['drift']): string {
  if (drift === undefined) return '  drift was not measured';
  if (drift.outcome === 'unmeasured') return `  drift is not known: ${drift.code}: ${drift.message}`;
  const named = drift.features.slice(0, drift.drifted).map(({ name }) => name);
  return `  drift: ${drift.drifted} of the features drifted${named.length > 0 ? `, ${named.join(', ')} most` : ''}`;
}

const FIGURES: Partial<Record<GoCriterion, (value: number) => string>> = {
  window: (value) => `${value} h`,
  coverage: formatPercent,
  agreement: formatPercent,
  confidence: (value) => value.toFixed(3),
  daily_drawdown: (value) => formatPercent(value, 2),
  stop_hits: formatPercent,
  profit: (value) => `${value.toFixed(2)} USDT`,
  memory: (value) => `${(value / 1e6).toFixed(0)} MB`,
  latency: (value) => `${value.toFixed(1)} ms`,
};

function describeResult({ criterion, status, value }: CriterionResult): string {
  const figure = value === undefined ? 'undefined' : (FIGURES[criterion]?.(value) ?? String(value));
  return `  ${status.padEnd(7)}  ${criterion.padEnd(19)} ${figure.padStart(12)}  ${GO_CRITERIA[criterion]}`;
}

const print = (line: string) => void process.stdout.write(`${line}\n`);
const printJson = (value: unknown) =>
  print(JSON.stringify(value, (_key, member: unknown) => (member === undefined ? null : member)));
