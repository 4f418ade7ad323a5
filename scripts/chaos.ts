// Lets the whole local system run, and does to it at random instants what machines and people do: kills it, stops it and lets it go on,
// ends it, fills its disk, damages its files. After each it is judged from outside. The same seed does the same in the same order.
//
// Ctrl-C ends it after the instant, with its summary.
//
//   npm run chaos [-- --times 200] [--seed N] [--per-account 12] [--speed 60]
//
// Exit codes: 0 every invariant held, 1 one did not, 2 wrong usage.
import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { type Draw, damageOneFile } from './chaos/damage.ts';
import { describeInvariants, Judge } from './chaos/invariants.ts';
import { RunningProcess, sleep } from './chaos/running-process.ts';

const FULL_DISK_FILE_BYTES = 64 * 1024;
const RUN_MS_MAX = 12_000;
const STOPPED_MS_MAX = 10_000;

const { values: given } = parseArgs({
  options: {
    times: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_007) },
    'per-account': { type: 'string', default: '12' },
    speed: { type: 'string', default: '60' },
  },
});
const [times, seed, perAccount, speed] = [given.times, given.seed, given['per-account'], given.speed].map(
  Number,
);
if (![times, seed, perAccount, speed].every((value) => Number.isInteger(value) && value! > 0)) {
  console.error('usage: npm run chaos -- [--times N] [--seed N] [--per-account N] [--speed N]');
  process.exit(2);
}

const generator = xoroshiro128plus(seed!);
const draw: Draw = (bound) => uniformInt(generator, 0, bound - 1);
const judge = new Judge();
const counts = new Map<string, number>();
const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1);
const options = ['--speed', String(speed)];

let stateDir = '';
let running: RunningProcess;

/** Starts it; where a damaged state is refused, with the state as it was before. */
async function start(before?: string): Promise<void> {
  const startedMs = performance.now();
  running = new RunningProcess(stateDir, options);
  if (await running.isUp()) {
    judge.put('restart', true, '');
    judge.comesBack();
    slowestStartMs = Math.max(slowestStartMs, performance.now() - startedMs);
    return;
  }
  judge.judgeRefusal(running);
  judge.judgeOutput(running);
  if (before === undefined) throw new Error(`it does not start:\n${running.output.slice(-2_000)}`);
  count('refusals of a damaged state');
  console.log(`    refused: ${running.output.match(/^error: .+$/m)?.[0].slice(0, 160)}`);
  await rm(stateDir, { recursive: true });
  await cp(before, stateDir, { recursive: true });
  await start();
}
let slowestStartMs = 0;

async function end(signal: NodeJS.Signals): Promise<void> {
  await running.end(signal);
  judge.judgeOutput(running);
}

const limitFiles = (limit: string) =>
  execFileSync('prlimit', [`--pid=${running.pid}`, `--fsize=${limit}:unlimited`]);

const ACTS: readonly { readonly weight: number; readonly name: string; readonly act: () => Promise<void> }[] =
  [
    {
      weight: 4,
      name: 'killed',
      act: async () => {
        await end('SIGKILL');
        await start();
      },
    },
    {
      weight: 3,
      name: 'stopped, and resumed',
      act: async () => {
        running.signal('SIGSTOP');
        await sleep(draw(STOPPED_MS_MAX));
        running.signal('SIGCONT');
        const answers = await running.status().then(
          () => true,
          () => false,
        );
        judge.put('alive', answers, running.output.slice(-500));
      },
    },
    {
      weight: 1,
      name: 'ended, and started',
      act: async () => {
        await end('SIGTERM');
        judge.put(
          'restart',
          running.ended?.code === 0,
          `SIGTERM ends with ${running.ended?.code ?? running.ended?.signal}`,
        );
        await start();
      },
    },
    {
      weight: 2,
      name: 'its disk full, then killed',
      act: async () => {
        limitFiles(String(FULL_DISK_FILE_BYTES));
        await sleep(draw(RUN_MS_MAX));
        if (running.ended === undefined) await judge.look(running);
        await end('SIGKILL');
        await start();
      },
    },
    {
      weight: 3,
      name: 'killed, a file damaged',
      act: async () => {
        await end('SIGKILL');
        const before = await mkdtemp(join(tmpdir(), 'qt-chaos-before-'));
        await cp(stateDir, before, { recursive: true });
        console.log(`    ${await damageOneFile(stateDir, draw)}`);
        await start(before);
        await rm(before, { recursive: true });
      },
    },
  ];

function nextAct() {
  let at = draw(ACTS.reduce((sum, { weight }) => sum + weight, 0));
  return ACTS.find(({ weight }) => {
    at -= weight;
    return at < 0;
  })!;
}

async function newAccount(): Promise<void> {
  if (stateDir !== '') {
    await end('SIGTERM');
    await rm(stateDir, { recursive: true });
  }
  stateDir = await mkdtemp(join(tmpdir(), 'qt-chaos-'));
  judge.forget();
  await start();
}

let isInterrupted = false;
process.on('SIGINT', () => {
  isInterrupted = true;
});

console.log(`seed ${seed}`);
const startedMs = performance.now();
let done = 0;
try {
  while (done < times! && !isInterrupted && judge.violations.length === 0) {
    if (done % perAccount! === 0) await newAccount();
    await sleep(draw(RUN_MS_MAX));
    const { name, act } = nextAct();
    await act();
    if (running!.ended !== undefined) await start();
    const { mode, reasons, breaker, positions, atMs } = await judge.look(running!);
    const why =
      mode === 'OFF' && breaker?.latch === 'ARMED' ? ` (${reasons.map(({ code }) => code).join(', ')})` : '';
    count(name);
    done++;
    console.log(
      `${done} ${new Date(atMs).toISOString()} ${name}: ${mode}${why}, ${breaker?.latch ?? 'not started'}, ${positions.length} positions`,
    );
    if (positions.length > 0) count('instants with open positions');
    if (breaker?.latch === 'TRIPPED') count('instants with a tripped latch');
  }
} catch (error) {
  judge.violations.push({ invariant: 'restart', message: (error as Error).message });
} finally {
  await running!.end('SIGKILL');
}
const minutes = ((performance.now() - startedMs) / 60_000).toFixed(1);
console.log(
  `\n${done} instants in ${minutes} min, slowest start ${(slowestStartMs / 1_000).toFixed(1)} s, seed ${seed}`,
);
for (const [what, number] of [...counts].sort()) console.log(`  ${String(number).padStart(6)}  ${what}`);
console.log(`put to the test:\n${describeInvariants(judge.tested)}`);
for (const { message } of judge.violations)
  console.error(`VIOLATED ${message}\n  the state is in ${stateDir}`);
if (judge.violations.length === 0) await rm(stateDir, { recursive: true });
else process.exitCode = 1;
