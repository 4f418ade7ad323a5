// The completion scripts, run by the shells themselves. zsh and fish are skipped where they are not installed.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FLAG_NAMES } from '../../lib/risk/flags.ts';
import { qtrader } from '../support/qtrader.ts';

const isInstalled = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-completion-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** What each shell offers behind these words, of which the last is being typed. */
const OFFERS: Record<string, (script: string, words: readonly string[]) => string[]> = {
  bash: (script, words) => offersOf('bash', ['--norc', '-c', SETTING_WORDS, script, ...words]),
  zsh: (script, words) => offersOf('zsh', ['-f', '-c', SETTING_WORDS, script, ...words]),
  fish: (script, words) =>
    offersOf('fish', ['-N', '-c', 'source $argv[1]; complete -C $argv[2]', script, words.join(' ')]).map(
      (line) => line.split('\t')[0]!,
    ),
};

/** As bash, and zsh in bash's stead, call the function. */
const SETTING_WORDS = `source "$0"
offer() {
  [ -z "$ZSH_VERSION" ] || emulate -L ksh
  COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _qtrader
  printf '%s\\n' "\${COMPREPLY[@]}"
}
offer "$@"`;

function offersOf(shell: string, args: readonly string[]): string[] {
  const printed = execFileSync(shell, args, {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', HOME: folder },
  });
  return printed.split('\n').filter((line) => line !== '');
}

describe.each(Object.keys(OFFERS))('completion in %s', (shell) => {
  it.skipIf(!isInstalled(shell))('offers commands, options and choices where they belong', async () => {
    const { exitCode, stdout, stderr } = await qtrader('completion', shell);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const script = join(folder, shell);
    await writeFile(script, stdout);
    const offered = (...words: string[]) => OFFERS[shell]!(script, ['qtrader', ...words]);
    // zsh itself picks what begins as it was typed.
    const typed = (begun: string, names: string[]) => names.filter((name) => name.startsWith(begun));

    expect(typed('st', offered('st')).sort()).toEqual(['start', 'status', 'study']);
    expect(offered('flags', '')).toEqual(expect.arrayContaining(['get', 'set']));
    expect(typed('QT', offered('flags', 'set', 'QT')).sort()).toEqual(
      FLAG_NAMES.filter((name) => name.startsWith('QT')).sort(),
    );
    expect(offered('trades', '--scope', '').sort()).toEqual(['live', 'paper']);
    expect(typed('--sy', offered('trades', '--scope', 'paper', '--sy'))).toEqual(['--symbol']);
    expect(typed('--sy', offered('flags', 'get', '--sy'))).toEqual([]);
  });
});

it('refuses a shell that it has no script for', async () => {
  expect(await qtrader('completion', 'tcsh')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/^error: .* bash, zsh, fish\..*\n$/),
  });
});
