// `qtrader models publish|show|promote|rollback|shadow|quarantine`: which ensemble is active, and which models may serve.
import { type Command, InvalidArgumentError } from 'commander';
import { describeActor } from '../../../lib/core/actor.ts';
import type { Result } from '../../../lib/core/result.ts';
import { ensembleIdSchema } from '../../../lib/models/ensemble.ts';
import type { EnsembleComparison } from '../../../lib/models/ensemble-comparison.ts';
import { modelNameSchema, modelVersionSchema } from '../../../lib/models/manifest.ts';
import type { ReleaseActor, ReleaseFailure } from '../../../lib/models/use-cases/release-pointer.ts';
import type { ModelIdentity } from '../../../lib/models/vote.ts';
import type { TestCandles } from '../../../lib/research/use-cases/compare-ensembles.ts';
import { CommandFailure, UsageError } from '../../command-error.ts';
import { parseFolder, parseInstant } from '../../options.ts';
import { note, print, printJson } from '../../output.ts';
import { addSystemOptions, type SystemOptions, withSystem } from '../../system.ts';
import { typedOperator } from '../../typed-operator.ts';

type ActorOptions = SystemOptions & { readonly by?: string; readonly reason?: string };

interface PromoteOptions extends ActorOptions {
  readonly data?: string;
  readonly from?: number;
  readonly to?: number;
  readonly force: boolean;
}

export function addReleaseCommands(models: Command): void {
  const add = (name: string, description: string) =>
    addSystemOptions(models.command(name)).description(description);
  add('publish', 'verify the ensemble of a folder and store it as a candidate; the active ensemble stays')
    .argument('<dir>', 'folder laid out like models/starter', parseFolder)
    .action(runPublish);
  add('show', 'print the card of a model or an ensemble')
    .argument('<what>', 'NAME/VERSION, or the id of an ensemble', parseSubject)
    .option('--json', 'print JSON', false)
    .action(runShow);
  addActorOptions(add('promote', 'activate a candidate that is verified and better than the active ensemble'))
    .argument('<id>', 'id of the ensemble', parseEnsembleId)
    .option(
      '--data <dir>',
      'candles to compare on: SYMBOL.csv or SYMBOL.csv.gz files, or the output of qtrader collect',
      parseFolder,
    )
    .option('--from <iso>', 'first bar to compare on (default: after the training of both)', parseInstant)
    .option('--to <iso>', 'end of the comparison, exclusive', parseInstant)
    .option('--force', 'skip the comparison, but no other check; needs --reason', false)
    .action(runPromote);
  addActorOptions(add('rollback', 'activate the previous ensemble again')).action(runRollback);
  addActorOptions(
    add('shadow', 'run a candidate beside the active ensemble: its votes are recorded, not counted'),
  )
    .argument('<id>', 'id of the ensemble, or none to stop', (text) =>
      text === 'none' ? undefined : parseEnsembleId(text),
    )
    .action(runShadowCommand);
  addActorOptions(add('quarantine', 'exclude one model version from every ensemble'))
    .argument('<model>', 'NAME/VERSION', parseModel)
    .option('--lift', 'end the quarantine', false)
    .action(runQuarantine);
}

const addActorOptions = (command: Command): Command =>
  command
    .option('--reason <text>', 'why, for the audit log')
    .option('--by <who>', 'who you are (default: your login name)');

async function runPublish(folder: string, options: SystemOptions): Promise<void> {
  const { publishFolder } = await import('../../../lib/runtime/compose/models.ts');
  const published = await withSystem(options, ({ objects }) => publishFolder(folder, objects));
  if (!published.ok) throw new CommandFailure(`${published.error.code}: ${published.error.message}`);
  const { ensembleId, uploaded } = published.value;
  print(
    `${ensembleId} is a candidate (${uploaded} objects uploaded); activate it with qtrader models promote ${ensembleId}`,
  );
}

async function runShow(
  what: string | ModelIdentity,
  options: SystemOptions & { json: boolean },
): Promise<void> {
  const { readEnsembleCard, readModelCard } = await import('../../../lib/models/use-cases/release-card.ts');
  const { formatEnsembleCard, formatModelCard } = await import('../../reports/model-card.ts');
  const show = <T>(card: T, format: (card: T) => string) =>
    options.json ? printJson(card) : print(format(card).trimEnd());
  await withSystem(options, async ({ objects }) => {
    if (typeof what === 'string') show(orFail(await readEnsembleCard(objects, what)), formatEnsembleCard);
    else show(orFail(await readModelCard(objects, what)), formatModelCard);
  });
}

async function runPromote(ensembleId: string, options: PromoteOptions): Promise<void> {
  const candles = await openTestCandlesOf(options);
  const actor = actorOf(options, 'better on the same rows');
  const { composeRelease } = await import('../../../lib/runtime/compose/models.ts');
  const promoted = await withSystem(options, ({ objects }) =>
    composeRelease(objects).promote({ ensembleId, actor, candles }),
  );
  const { replaced, auditKey, comparison } = orFail(promoted);
  if (comparison !== null) print(describeComparison(comparison));
  print(
    `${ensembleId} is active, ${replaced === null ? 'the first one' : `replacing ${replaced}`} (${auditKey})`,
  );
}

async function openTestCandlesOf(options: PromoteOptions): Promise<TestCandles | 'forced'> {
  const { data, from, to, force, reason } = options;
  if (force) {
    if (data !== undefined)
      throw new UsageError('--force skips the comparison: give either --force or --data');
    if (reason === undefined) throw new UsageError('--force needs --reason');
    return 'forced';
  }
  if (data === undefined)
    throw new UsageError('give --data with candles to compare on, or --force with --reason');
  if (from !== undefined && to !== undefined && from >= to)
    throw new UsageError('--from must be before --to');
  const { openTestCandles } = await import('../../../lib/runtime/compose/models.ts');
  const candles = await openTestCandles({
    dataFolder: data,
    range: { fromMs: from, toMs: to },
    onProgress: ({ done, of, symbol }) => note(`${done}/${of} ${symbol}`),
  });
  if (!candles.ok) throw new UsageError(candles.error);
  return candles.value;
}

function describeComparison(comparison: EnsembleComparison): string {
  const { challengerLogLoss, championLogLoss, championId, rows, days, interval, problems } = comparison;
  const bounds = interval && ` (95 % interval ${interval.low.toFixed(5)} to ${interval.high.toFixed(5)})`;
  const missing = problems.length === 0 ? '' : `; skipped: ${problems.join('; ')}`;
  return (
    `log-loss ${challengerLogLoss.toFixed(5)} against ${championLogLoss.toFixed(5)} of ${championId}: ` +
    `${comparison.meanDifference.toFixed(5)}${bounds ?? ''} on ${rows} rows of ${days} days${missing}`
  );
}

async function runRollback(options: ActorOptions): Promise<void> {
  const { composeRelease } = await import('../../../lib/runtime/compose/models.ts');
  const actor = actorOf(options, 'rollback');
  const moved = await withSystem(options, ({ objects }) => composeRelease(objects).rollback(actor));
  const { ensembleId, replaced, auditKey } = orFail(moved);
  print(`${ensembleId} is active again, replacing ${replaced} (${auditKey})`);
}

async function runShadowCommand(ensembleId: string | undefined, options: ActorOptions): Promise<void> {
  const { composeRelease } = await import('../../../lib/runtime/compose/models.ts');
  const actor = actorOf(options, 'trial');
  const auditKey = orFail(
    await withSystem(options, ({ objects }) => composeRelease(objects).shadow(ensembleId, actor)),
  );
  print(
    ensembleId === undefined
      ? `no shadow runs (${auditKey})`
      : `${ensembleId} runs as the shadow (${auditKey})`,
  );
}

async function runQuarantine(model: ModelIdentity, options: ActorOptions & { lift: boolean }): Promise<void> {
  if (options.reason === undefined) throw new UsageError('quarantine needs --reason');
  const { setQuarantine } = await import('../../../lib/models/use-cases/release-quarantine.ts');
  const state = options.lift ? 'lifted' : 'quarantined';
  const actor = actorOf(options, options.reason);
  const auditKey = orFail(
    await withSystem(options, ({ objects }) => setQuarantine(objects, model, { state, actor })),
  );
  print(
    `${model.name} ${model.version}: quarantine ${options.lift ? 'ends' : 'begins'} at the next bar (${auditKey})`,
  );
}

const actorOf = ({ by, reason }: ActorOptions, defaultReason: string): ReleaseActor => ({
  by: describeActor(typedOperator(by)),
  reason: reason ?? defaultReason,
  atMs: Date.now(),
});

function orFail<T>(result: Result<T, ReleaseFailure>): T {
  if (!result.ok) throw new CommandFailure(`${result.error.code}: ${result.error.message}`);
  return result.value;
}

function parseEnsembleId(text: string): string {
  if (ensembleIdSchema.safeParse(text).success) return text;
  throw new InvalidArgumentError('Ensemble ids look like e20240728_000000.');
}

function parseModel(text: string): ModelIdentity {
  const [name, version, ...rest] = text.split('/');
  const isModel = modelNameSchema.safeParse(name).success && modelVersionSchema.safeParse(version).success;
  if (!isModel || rest.length > 0)
    throw new InvalidArgumentError('Model versions look like xgboost/v20240728_000000.');
  return { name: name!, version: version! };
}

const parseSubject = (text: string): string | ModelIdentity =>
  text.includes('/') ? parseModel(text) : parseEnsembleId(text);
