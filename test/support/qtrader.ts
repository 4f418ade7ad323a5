// Runs the `qtrader` command as its user does: a process of its own, judged by exit code and what it prints.
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';

/** The command's file. */
export const QT = resolve(import.meta.dirname, '../../bin/qtrader.mjs');

export interface QtOutcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function qtrader(...args: readonly string[]): Promise<QtOutcome> {
  return new Promise((done) => {
    execFile(process.execPath, [QT, ...args], { maxBuffer: 1e8 }, (error, stdout, stderr) => {
      done({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}
