// `npm run bench`: every figure of docs/PERFORMANCE.md, each in a process of its own so that none affects another.
// Names on the command line choose parts; --json prints one object, by name
// value, unit, target and whether it is met.
import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { messageOf } from '../lib/core/message-of.ts';
import { figuresOf } from './figures.ts';

const PARTS = [
  'features',
  'infer',
  'fetch',
  'backtest',
  'year',
  'predict',
  'cold',
  'start',
  'scale',
  'day',
  'page',
  'peers',
] as const;
type Part = (typeof PARTS)[number];

async function measure(part: Part): Promise<object> {
  switch (part) {
    case 'features':
      return (await import('./features.ts')).benchFeatures();
    case 'infer':
      return (await import('./infer.ts')).benchInfer();
    case 'fetch':
      return (await import('./fetch.ts')).benchFetch();
    case 'backtest':
      return (await import('./backtest.ts')).benchBacktest();
    case 'year':
      return (await import('./year.ts')).benchYear();
    case 'predict':
      return (await import('./predict.ts')).benchPredict();
    case 'cold':
      return (await import('./cold.ts')).benchCold();
    case 'start':
      return (await import('./start.ts')).benchStart();
    case 'scale':
      return (await import('./scale.ts')).benchScale();
    case 'day':
      return (await import('./day.ts')).benchDay();
    case 'page':
      return (await import('./page.ts')).benchPage();
    case 'peers':
      return (await import('./peers/compare-peers.ts')).benchPeers();
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, child: { type: 'string' } },
});
const unknown = positionals.filter((name) => !PARTS.includes(name as Part));
if (unknown.length > 0) {
  process.stderr.write(`error: unknown benchmark ${unknown.join(', ')}: choose from ${PARTS.join(', ')}\n`);
  process.exit(2);
}

/** A part that fails is told, and its figures are not met: those of the others stand. */
function measureInChild(part: Part): Record<string, unknown> {
  process.stderr.write(`measuring ${part} …\n`);
  try {
    const output = execFileSync(process.execPath, [...process.execArgv, process.argv[1]!, '--child', part], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return JSON.parse(output);
  } catch (error) {
    process.stderr.write(`${part} failed: ${messageOf(error)}\n`);
    process.exitCode = 1;
    return {};
  }
}

function printTable(machine: object, results: Record<string, Record<string, unknown>>): void {
  const line = (text: string) => process.stdout.write(`${text}\n`);
  line(Object.values(machine).join(', '));
  for (const [name, { value, unit, target, met }] of Object.entries(figuresOf(results))) {
    const judged = target === null ? '' : `${target} ${unit}${met ? '' : ', MISSED'}`;
    const measured = value === null ? 'not measured' : `${round(value)} ${unit}`;
    line(`${name.padEnd(40)} ${measured.padEnd(36)} ${judged}`.trimEnd());
  }
}

function round(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

if (values.child === undefined) {
  const parts = positionals.length > 0 ? (positionals as Part[]) : PARTS;
  const results = Object.fromEntries(parts.map((part) => [part, measureInChild(part)]));
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    node: process.version,
    load: loadavg()[0]!,
  };
  if (values.json) {
    process.stderr.write(`${JSON.stringify({ machine })}\n`);
    process.stdout.write(`${JSON.stringify({ figures: figuresOf(results) })}\n`);
  } else printTable(machine, results);
} else process.stdout.write(JSON.stringify(await measure(values.child as Part)));
