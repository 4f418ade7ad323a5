// The Python programs that check this project from outside (test/aws-emulator/requirements.txt), in a virtual environment of their
// own under .qt/: made at the first call and again when the list changes.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const REQUIREMENTS = `${PROJECT}test/aws-emulator/requirements.txt`;
const FOLDER = `${PROJECT}.qt/python-tools`;
const PYTHON = 'python3.11';

/** @returns the folder of the programs; undefined, with a line on stderr, when they cannot be had */
export function preparePythonTools(): string | undefined {
  const stamp = `${FOLDER}/requirements.sha256`;
  const wanted = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return `${FOLDER}/bin`;
  if (spawnSync(PYTHON, ['--version']).status !== 0) {
    console.error(`${PYTHON} is not installed: install it, and run this again`);
    return undefined;
  }
  rmSync(FOLDER, { recursive: true, force: true });
  const install = ['-m', 'pip', 'install', '--quiet', '--require-hashes', '--requirement', REQUIREMENTS];
  for (const [command, parameters] of [
    [PYTHON, ['-m', 'venv', FOLDER]],
    [`${FOLDER}/bin/python`, install],
  ] as const)
    if (spawnSync(command, parameters, { stdio: ['ignore', 'inherit', 'inherit'] }).status !== 0) {
      console.error(`${command} ${parameters.join(' ')} failed: its reason is above`);
      return undefined;
    }
  writeFileSync(stamp, wanted);
  return `${FOLDER}/bin`;
}
