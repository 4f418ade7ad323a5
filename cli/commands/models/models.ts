// `qtrader models`: which models exist, which serve, and whether each passes verification.
import type { Command } from 'commander';
import { KIB } from '../../../lib/core/units.ts';
import {
  type ListedModel,
  type ListedPolicy,
  listModels,
  type ModelListing,
  type VerifiedModelRow,
} from '../../../lib/models/use-cases/model-registry.ts';
import { CommandFailure } from '../../command-error.ts';
import { formatTable } from '../../format/text-table.ts';
import { parseFolder } from '../../options.ts';
import { print, printJson } from '../../output.ts';
import { addSystemOptions, type SystemOptions, withSystem } from '../../system.ts';
import { addReleaseCommands } from './models-release.ts';

type ModelsOptions = SystemOptions & { readonly json: boolean };

export function addModelsCommand(program: Command): void {
  const models = program.command('models').description('models and ensembles: list, verify, release');
  addSystemOptions(models.command('list'))
    .description(
      'every ensemble and model version in the store, with quarantine; weights are of the active ensemble',
    )
    .option('--json', 'print JSON', false)
    .action(runList);
  addSystemOptions(models.command('verify'))
    .description('load and verify every model: hashes, feature set, ONNX session, golden vectors')
    .argument('[dir]', 'folder laid out like models/starter (default: the store of the system)', parseFolder)
    .option('--json', 'print JSON', false)
    .action(runVerify);
  addReleaseCommands(models);
}

async function runList(options: ModelsOptions): Promise<void> {
  const listing = await withSystem(options, ({ objects }) => listModels(objects));
  printListing(
    listing,
    options.json,
    ({ featureSet }) => `features ${featureSet}`,
    () => '',
  );
}

async function runVerify(folder: string | undefined, options: ModelsOptions): Promise<void> {
  const { openModelsFolder, verifyStoredModels } = await import('../../../lib/runtime/compose/models.ts');
  const listing =
    folder === undefined
      ? await withSystem(options, ({ objects }) => verifyStoredModels(objects))
      : await verifyStoredModels(openModelsFolder(folder));
  printListing(listing, options.json, describeVerdict, describeVerdict);
  const all = [...listing.models, ...listing.policies];
  const failed = all.filter(({ problem }) => (problem ?? null) !== null).length;
  if (!listing.ensemble.ok) throw new CommandFailure(listing.ensemble.error.message);
  if (failed > 0)
    throw new CommandFailure(`${failed} of ${all.length} models failed verification: see the list above`);
}

const describeVerdict = ({ problem }: Pick<VerifiedModelRow, 'problem'> | ListedPolicy): string =>
  problem === undefined || problem === null ? 'verified' : `${problem.reason}: ${problem.message}`;

function printListing<Row extends ListedModel>(
  { ensemble, ensembles, models, policies }: ModelListing<Row>,
  json: boolean,
  describe: (row: Row) => string,
  describePolicy: (policy: ListedPolicy) => string,
): void {
  if (json) {
    printJson({ ensemble: ensemble.ok ? ensemble.value : null, ensembles, models, policies });
    return;
  }
  print(
    ensemble.ok ? `active ensemble ${ensemble.value.id}` : `no active ensemble: ${ensemble.error.message}`,
  );
  for (const { id, status } of ensembles) if (status !== 'active') print(`${status} ensemble ${id}`);
  const rowOf = (row: ListedModel | ListedPolicy, part: string, state: string) => [
    row.name,
    row.version,
    part,
    row.bytes === null ? 'missing' : `${Math.ceil(row.bytes / KIB)} KiB`,
    [...(row.quarantine === null ? [] : [`QUARANTINED: ${row.quarantine}`]), state]
      .filter((text) => text !== '')
      .join('; '),
  ];
  const rows = [
    ...models.map((row) =>
      rowOf(row, row.weight === null ? 'not active' : `weight ${row.weight.toFixed(3)}`, describe(row)),
    ),
    ...policies.map((row) => rowOf(row, row.isActive ? 'sizes entries' : 'not active', describePolicy(row))),
  ];
  print(
    formatTable({ head: ['model', 'version', 'in the ensemble', 'size', 'state'], rows, left: [0, 1, 2, 4] }),
  );
}
