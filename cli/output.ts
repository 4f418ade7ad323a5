// What commands print: lines for people, one JSON object for programs.
import { printable } from '../lib/core/printable.ts';

export const print = (text: string): void => void process.stdout.write(`${printable(text)}\n`);

/** Beside the result, on stderr. */
export const note = (text: string): void => void process.stderr.write(`${printable(text)}\n`);

/** One line. What is undefined is null, so that a reader cannot take it for forgotten. */
export const printJson = (value: unknown): void =>
  print(JSON.stringify(value, (_key, member: unknown) => (member === undefined ? null : member)));
