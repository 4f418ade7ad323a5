// Reads the logs that a local run writes, one file a function and one of notifications, while it runs and afterwards.
import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import TailFile from '@logdna/tail-file';
import { z } from 'zod';

export interface LogFile {
  /** Of the function, or `notifications`. */
  readonly name: string;
  readonly path: string;
}

export interface LogLine {
  readonly name: string;
  readonly atMs: number;
  /** `debug`, `info`, `warn` or `error`. */
  readonly level: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  /** As it was written. */
  readonly text: string;
}

/** The newest lines of a file are in its last bytes, however long it has become. */
const BYTES_READ = 4 * 1024 * 1024;

const loggedSchema = z.looseObject({
  level: z.string(),
  message: z.string(),
  timestamp: z.iso.datetime({ offset: true }),
});
const notifiedSchema = z.looseObject({ at: z.iso.datetime(), subject: z.string() });
/** The same in every line, or told by the line already. */
const COMMON = ['level', 'message', 'timestamp', 'service', 'stage', 'sampling_rate'];

/** By name; none before a first run. */
export function listLogs(stateDir: string): LogFile[] {
  const folder = join(stateDir, 'logs');
  try {
    return readdirSync(folder)
      .filter((file) => file.endsWith('.jsonl'))
      .sort()
      .map((file) => ({ name: file.slice(0, -'.jsonl'.length), path: join(folder, file) }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** All lines in order of time, and where each file ended. */
export function readLogs(files: readonly LogFile[]): { lines: LogLine[]; ends: Map<LogFile, number> } {
  const ends = new Map<LogFile, number>();
  const lines = files.flatMap((file) => {
    const { text, end } = readEnd(file.path);
    ends.set(file, end);
    return text.split('\n').flatMap((line) => parseLine(file, line) ?? []);
  });
  return { lines: lines.sort((a, b) => a.atMs - b.atMs), ends };
}

/** @returns whole lines, and the position behind the last of them */
function readEnd(path: string): { text: string; end: number } {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, BYTES_READ));
    const length = readSync(file, bytes, 0, bytes.length, size - bytes.length);
    const whole = bytes.subarray(0, bytes.subarray(0, length).lastIndexOf('\n') + 1);
    return { text: whole.toString('utf8'), end: size - bytes.length + whole.length };
  } finally {
    closeSync(file);
  }
}

/** Calls with every new line, also when a file is rotated. Ends with the process. */
export async function followLogs(
  files: readonly LogFile[],
  ends: ReadonlyMap<LogFile, number>,
  onLine: (line: LogLine) => void,
): Promise<never> {
  const failed = files.map(async (file) => {
    const tail = new TailFile(file.path, { startPos: ends.get(file) ?? 0, pollFileIntervalMs: 250 });
    createInterface({ input: tail }).on('line', (text) => {
      const line = parseLine(file, text);
      if (line !== undefined) onLine(line);
    });
    await tail.start();
    return new Promise<never>((_, reject) =>
      tail.on('tail_error', ({ message }) => reject(new Error(message))),
    );
  });
  return Promise.race(failed);
}

/** Undefined for what is no log line: metrics, and a line that was cut short. */
function parseLine({ name }: LogFile, text: string): LogLine | undefined {
  const parsed = parseJson(text);
  const logged = loggedSchema.safeParse(parsed);
  if (logged.success) {
    const { level, message, timestamp } = logged.data;
    const details = Object.fromEntries(Object.entries(logged.data).filter(([key]) => !COMMON.includes(key)));
    return { name, atMs: Date.parse(timestamp), level: level.toLowerCase(), message, details, text };
  }
  const notified = notifiedSchema.safeParse(parsed);
  if (!notified.success) return undefined;
  const { at, subject, ...details } = notified.data;
  return { name, atMs: Date.parse(at), level: 'warn', message: subject, details, text };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
