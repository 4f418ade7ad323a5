// Checks the templates of every kind of stage with cfn-lint: they are what `cdk synth` makes, without the functions' code.
//
//   npm run lint:templates
//
// Exit codes: 0 no finding, 1 a finding, or cfn-lint cannot be had.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BASE_IMAGES, synthesise } from '../test/support/infra/synthesised-stage.ts';
import { preparePythonTools } from './python-tools.ts';

/** CDK names a role's policy as what a function depends on; the reference to the role that W3005 finds beside it does no harm. */
const IGNORED = 'W3005';
const REGIONS = ['eu-central-1', 'ap-northeast-1'];
const STAGES = [
  {},
  {
    shards: 3,
    notifyEmail: 'operator@example.com',
    apiAuthorisation: 'iam',
    externalPositions: 'leave-and-halt',
    network: {},
    retraining: BASE_IMAGES,
    universe: { asOf: '2024-01-01', symbols: ['BTCUSDT'] },
  },
];

const programs = preparePythonTools();
if (programs === undefined) process.exit(1);
const folders: string[] = [];
for (const settings of STAGES) folders.push((await synthesise({ settings, bundle: false })).folder);
const templates = folders.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.template.json'))
    .map((name) => join(folder, name)),
);
const options = ['--ignore-checks', IGNORED, '--regions', ...REGIONS, '--template', ...templates];
const { status } = spawnSync(join(programs, 'cfn-lint'), options, { stdio: 'inherit' });
for (const folder of folders) await rm(folder, { recursive: true });
console.log(`${templates.length} templates linted: ${status === 0 ? 'no finding' : 'see above'}`);
process.exitCode = status === 0 ? 0 : 1;
