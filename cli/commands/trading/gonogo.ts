// `qtrader gonogo`: assesses the last hours of paper trading, criterion by criterion. The rollout itself follows the hourly assessment
// only, never this report, whose hours an operator may choose.
import type { Command } from 'commander';
import {
  formatInstant,
  formatNumber,
  formatPercent,
  NOT_AVAILABLE,
} from '../../../lib/core/format-figure.ts';
import { DAY_MS } from '../../../lib/core/units.ts';
import { type CriterionResult, GO_CRITERIA, type GoCriterion } from '../../../lib/rollout/go-no-go.ts';
import type { GoNoGoReport } from '../../../lib/rollout/use-cases/assess-rollout.ts';
import { CommandFailure, toCommandError, UsageError } from '../../command-error.ts';
import { createProgressLine } from '../../format/progress-line.ts';
import { formatTable } from '../../format/text-table.ts';
import { parseCount, parseFolder, parseInstant, parseSymbols } from '../../options.ts';
import { print, printJson } from '../../output.ts';
import { writeReport } from '../../reports/write-report.ts';
import { addSystemOptions, type SystemOptions, withSystem } from '../../system.ts';

interface GoNoGoOptions extends SystemOptions {
  readonly hours: number;
  readonly verify?: string;
  readonly json: boolean;
  readonly report?: string;
  readonly data?: string;
  readonly from?: number;
  readonly to?: number;
  readonly symbols?: readonly string[];
  readonly models?: string;
  readonly predictions?: string;
}

const HOURS_DEFAULT = 24;
/** A longer window is always NO_GO, so it is not read. */
const HOURS_MAX = 72;
const EXIT_NO_GO = 1;

export function addGoNoGoCommand(program: Command): void {
  addSystemOptions(program.command('gonogo'))
    .description(
      'assess the last hours of paper trading; exit code 0 for GO, 1 for NO_GO; with --data, how the criteria did on the past',
    )
    .option('--hours <n>', 'hours to assess; GO needs 24 to 48', parseCount, HOURS_DEFAULT)
    .option(
      '--verify <key>',
      'verify stored evidence instead: its bytes, and that its verdict follows from it',
    )
    .option('--data <dir>', 'replay recorded candles instead, day by day from --from to --to', parseFolder)
    .option('--from <iso>', 'first day of the replay', parseInstant)
    .option('--to <iso>', 'end of the replay, exclusive', parseInstant)
    .option('--symbols <list>', 'of the replay, such as BTCUSDT,ETHUSDT (default: all)', parseSymbols)
    .option('--models <dir>', 'of the replay (default: the starter models)', parseFolder)
    .option('--predictions <file>', "cache of the models' answers of the replay, reused when it fits")
    .option('--json', 'print JSON', false)
    .option('--report <file>', 'write a page to this HTML file')
    .action(runGoNoGo);
}

async function runGoNoGo(options: GoNoGoOptions): Promise<void> {
  if (options.data !== undefined) return replay(options, options.data);
  if (options.from !== undefined || options.to !== undefined)
    throw new UsageError('--from and --to belong to a replay: name its candles with --data');
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
  if (options.report !== undefined) {
    const { formatGoNoGoPage } = await import('../../reports/gonogo-page.ts');
    const criteria = report.decision.results.map(resultCells);
    const drift = describeDrift(report.collected.drift).trim();
    await writeReport(options.report, formatGoNoGoPage(report, { criteria, drift }));
  }
  if (report.decision.verdict === 'NO_GO') process.exitCode = EXIT_NO_GO;
}

async function replay(options: GoNoGoOptions, dataFolder: string): Promise<void> {
  const { from, to } = options;
  if (from === undefined || to === undefined) throw new UsageError('a replay needs --from and --to');
  if (from % DAY_MS !== 0 || to % DAY_MS !== 0 || from >= to)
    throw new UsageError(
      'a replay is of whole UTC days: --from and --to must be midnights, --from the earlier',
    );
  if (options.verify !== undefined || options.report !== undefined)
    throw new UsageError('a replay has neither --verify nor --report');
  const { replayGoNoGo } = await import('../../../lib/runtime/compose/research/replay-gonogo.ts');
  const progress = await createProgressLine();
  const replayed = await replayGoNoGo({
    dataFolder,
    modelsFolder: options.models,
    symbols: options.symbols,
    fromMs: from,
    toMs: to,
    predictionsFile: options.predictions,
    onSymbol: ({ done, of, symbol }) => progress.show(`${done}/${of} ${symbol}`),
  }).finally(progress.end);
  if (!replayed.ok) throw toCommandError(replayed.error);
  if (options.json) return printJson(replayed.value);
  const { formatGoNoGoReplay } = await import('../../reports/gonogo-replay-text.ts');
  print(formatGoNoGoReplay(replayed.value));
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
    formatTable({ head: [], rows: decision.results.map(resultCells), left: [0, 1, 3] }),
    describeDrift(collected.drift),
    ...collected.unreadable.map((why) => `unreadable: ${why}`),
    `evidence ${stored.key} sha256 ${stored.sha256}`,
  ];
}

function describeDrift(drift: GoNoGoReport['collected']['drift']): string {
  if (drift === undefined) return '  drift was not measured';
  if (drift.outcome === 'unmeasured') return `  drift is unknown: ${drift.code}: ${drift.message}`;
  const named = drift.features.slice(0, drift.drifted).map(({ name }) => name);
  return `  drift: ${drift.drifted} features drifted${named.length > 0 ? `, most of all ${named.join(', ')}` : ''}`;
}

const FIGURES: Partial<Record<GoCriterion, (value: number) => string>> = {
  window: (value) => `${formatNumber(value)} h`,
  coverage: formatPercent,
  agreement: formatPercent,
  confidence: (value) => value.toFixed(3),
  daily_drawdown: (value) => formatPercent(value, 2),
  stop_hits: formatPercent,
  profit: (value) => `${value.toFixed(2)} USDT`,
  memory: (value) => `${(value / 1e6).toFixed(0)} MB`,
  latency: (value) => `${value.toFixed(1)} ms`,
};

function resultCells({ criterion, status, value }: CriterionResult): string[] {
  const figure = value === undefined ? NOT_AVAILABLE : (FIGURES[criterion]?.(value) ?? formatNumber(value));
  return [status, criterion, figure, GO_CRITERIA[criterion]];
}
