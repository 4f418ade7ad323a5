// `qt models`: which models there are, which serve, and whether each is what it claims to be.
import type { Command } from 'commander';
import {
  type ListedModel,
  listModels,
  type ModelListing,
  type VerifiedModelRow,
} from '../../../lib/models/use-cases/model-registry.ts';
import { CommandFailure } from '../../command-error.ts';
import { parseFolder } from '../../options.ts';
import { addSystemOptions, type SystemOptions, withSystem } from '../../system.ts';
import { addReleaseCommands } from './models-release.ts';

type ModelsOptions = SystemOptions & { readonly json: boolean };

export function addModelsCommand(program: Command): void {
  const models = program.command('models').description('the models and the active ensemble');
  addSystemOptions(models.command('list'))
    .description('every ensemble and model version in the store; weights are those of the active ensemble')
    .option('--json', 'print JSON', false)
    .action(runList);
  addSystemOptions(models.command('verify'))
    .description('load every model and prove it: hashes, feature set, ONNX session, golden vectors')
    .argument('[dir]', 'folder laid out like models/starter (default: the store of the system)', parseFolder)
    .option('--json', 'print JSON', false)
    .action(runVerify);
  addReleaseCommands(models);
}

async function runList(options: ModelsOptions): Promise<void> {
  const listing = await withSystem(options, ({ objects }) => listModels(objects));
  print(listing, options.json, ({ featureSet }) => `features ${featureSet}`);
}

async function runVerify(folder: string | undefined, options: ModelsOptions): Promise<void> {
  const { openModelsFolder, verifyStoredModels } = await import('../../../lib/runtime/compose/models.ts');
  const listing =
    folder === undefined
      ? await withSystem(options, ({ objects }) => verifyStoredModels(objects))
      : await verifyStoredModels(openModelsFolder(folder));
  print(listing, options.json, describeVerdict);
  const unusable = listing.models.filter(({ problem }) => problem !== undefined).length;
  if (!listing.ensemble.ok) throw new CommandFailure(listing.ensemble.error.message);
  if (unusable > 0)
    throw new CommandFailure(`${unusable} of ${listing.models.length} models failed verification`);
}

const describeVerdict = ({ problem }: VerifiedModelRow): string =>
  problem === undefined ? 'verified' : `${problem.reason}: ${problem.message}`;

function print<Row extends ListedModel>(
  { ensemble, ensembles, models }: ModelListing<Row>,
  json: boolean,
  describe: (row: Row) => string,
): void {
  if (json) {
    process.stdout.write(
      `${JSON.stringify({ ensemble: ensemble.ok ? ensemble.value : null, ensembles, models })}\n`,
    );
    return;
  }
  const line = (text: string) => process.stdout.write(`${text}\n`);
  line(
    ensemble.ok
      ? `ensemble in force: ${ensemble.value.id}`
      : `no ensemble in force: ${ensemble.error.message}`,
  );
  for (const { id, status } of ensembles) if (status !== 'active') line(`${status.padEnd(17)} ${id}`);
  for (const row of models) {
    const weight = row.weight === null ? 'not in force' : `weight ${row.weight.toFixed(3)}`;
    const size = row.bytes === null ? 'missing' : `${Math.ceil(row.bytes / 1024)} KiB`;
    line(`${row.name.padEnd(12)} ${row.version}  ${weight.padEnd(13)} ${size.padStart(9)}  ${describe(row)}`);
  }
}
