// Runs test/aws-emulator: resources made from the synthesised templates, the bundles and the suites of the stores, on moto.
//
//   npm run test:aws-emulator [-- parameters of vitest]
//
// Exit codes: 0 passed, 1 failed, or the emulator cannot be had.
import { spawnSync } from 'node:child_process';
import { LAXNESS, UNKNOWN } from '../test/support/aws-emulator/laxness.ts';
import { preparePythonTools } from './python-tools.ts';

const programs = preparePythonTools();
if (programs === undefined) process.exit(1);
const vitest = ['npx', '--no-install', 'vitest', 'run', '--config', 'test/aws-emulator/vitest.config.ts'];
const command = [`QT_PYTHON_TOOLS=${programs}`, ...vitest, ...process.argv.slice(2)];
const { status } = spawnSync('env', command, { stdio: 'inherit' });
console.log('\nWhere the emulator is known not to be AWS:');
for (const [test, instead] of Object.entries(LAXNESS)) console.log(`- ${test}\n    ${instead}`);
for (const what of UNKNOWN) console.log(`- ${what}`);
process.exitCode = status ?? 1;
