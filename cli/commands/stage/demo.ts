// `qtrader demo`: the recorded crash that `npm start` replays, from its beginning and with an account of its own, to its end in a
// minute.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { parseCount } from '../../options.ts';
import { PORT_MEANING, parsePort, parseSpeed, runStart } from './start.ts';

interface DemoOptions {
  readonly bars: number;
  readonly speed: number | 'max';
  readonly port: number;
}

/** An hour: entries at the bottom of the fall, their stops, and the circuit breaker. */
const BARS_DEFAULT = 12;
const SPEED_DEFAULT = 60;
const SYMBOLS = 20;

export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .description(
      'watch a recorded crash: entries, stops and the circuit breaker, told in a paragraph at the end',
    )
    .option('--bars <n>', 'stop after n bars', parseCount, BARS_DEFAULT)
    .option('--speed <x>', 'multiple of real time, or "max"', parseSpeed, SPEED_DEFAULT)
    .option('--port <n>', PORT_MEANING, parsePort, 0)
    .action(async (options: DemoOptions) => {
      const state = await mkdtemp(join(tmpdir(), 'qtrader-demo-'));
      await runStart({ ...options, symbols: SYMBOLS, exchange: 'simulated', state });
    });
}
