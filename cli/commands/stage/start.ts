// `qtrader start`, which `npm start` runs: the whole system on this machine.
import { fileURLToPath } from 'node:url';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Exchange, exchangeSchema } from '../../../lib/runtime/config/function-settings.ts';
import { LIVE_EXCHANGE, liveRefusal } from '../../../lib/runtime/config/venue.ts';
import { CommandFailure, UsageError } from '../../command-error.ts';
import { parseCount, parseFolder, parseInstant, parseSymbolChoice } from '../../options.ts';

interface StartOptions {
  readonly bars?: number;
  readonly speed?: number | 'max';
  readonly data?: string;
  readonly generated?: boolean;
  readonly symbols: number | readonly string[];
  readonly from?: number;
  readonly seed?: number;
  /** @default the simulated one; with --live the one that the live broker trades at */
  readonly exchange?: 'simulated' | Exchange;
  readonly live?: boolean;
  readonly state: string;
  readonly port: number;
}

const SPEED_DEFAULT = 60;
const SEED_DEFAULT = 7;
/** Two days around a crash, samples/README.md. A first run starts in the fall: entries within 7 bars, the breaker within 9. */
const SAMPLE = fileURLToPath(new URL('../../../samples/crash-2024-08-05', import.meta.url));
const SAMPLE_START_MS = Date.parse('2024-08-05T00:40Z');
const EXIT_INTERRUPTED = 130;

export function addStartCommand(program: Command): void {
  program
    .command('start')
    .description('run the whole system on this machine: embedded AWS, a simulated exchange')
    .option('--bars <n>', 'stop after n bars (default: until Ctrl-C)', parseCount)
    .option(
      '--speed <x>',
      `multiple of real time, or "max" (default: ${SPEED_DEFAULT} simulated, 1 real)`,
      parseSpeed,
    )
    .option(
      '--data <dir>',
      'replay this folder of candles (default: a recorded crash, samples/)',
      parseFolder,
    )
    .option('--generated', 'replay a generated market instead')
    .option('--symbols <n or list>', 'how many symbols, the largest first, or a list', parseSymbolChoice, 20)
    .option(
      '--from <iso>',
      'start of the replay; an unfinished one with the same start resumes (default: where the last run stopped)',
      parseInstant,
    )
    .option('--seed <n>', `seed of the generated market (default: ${SEED_DEFAULT})`, parseSeed)
    .addOption(
      new Option('--exchange <name>', 'exchange to follow (default: simulated)').choices([
        'simulated',
        ...exchangeSchema.options,
      ]),
    )
    .option(
      '--live',
      'trade the real account, within flags, gate and capital level (docs/OPERATIONS.md)',
      false,
    )
    .option('--state <dir>', 'state folder', '.qt')
    .option('--port <n>', PORT_MEANING, parsePort, 0)
    .action(runStart);
}

export async function runStart(options: StartOptions): Promise<void> {
  const { live = false } = options;
  const exchange = options.exchange ?? (live ? LIVE_EXCHANGE : 'simulated');
  if (live) checkLive(exchange, options);
  if (exchange !== 'simulated') {
    for (const name of ['data', 'generated', 'seed', 'from', 'speed'] as const)
      if (options[name] !== undefined)
        throw new UsageError(
          `--${name} is for the simulated exchange only: leave it out with --exchange ${exchange}`,
        );
  }
  const isGenerated = options.generated === true || options.seed !== undefined;
  if (isGenerated && options.data !== undefined)
    throw new UsageError('--data is a recorded market: leave out --generated and --seed');
  const isSample = !isGenerated && options.data === undefined;
  const { runLocalSystem } = await import('../../../local/run/run-local-system.ts');
  const { LocalStartError } = await import('../../../local/aws/host/local-start-error.ts');
  const stop = new AbortController();
  const interrupt = () => {
    // A second Ctrl-C does not wait for the current bar.
    if (stop.signal.aborted) process.exit(EXIT_INTERRUPTED);
    stop.abort();
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    await runLocalSystem(
      {
        bars: options.bars,
        stateDir: options.state,
        port: options.port,
        market:
          exchange === 'simulated'
            ? {
                dataFolder: isSample ? SAMPLE : options.data,
                seed: options.seed ?? SEED_DEFAULT,
                symbols: options.symbols,
                fromMs: options.from,
                ...(isSample && { firstRunMs: SAMPLE_START_MS }),
                speed: options.speed ?? SPEED_DEFAULT,
              }
            : { exchange, symbols: options.symbols, isLive: live },
      },
      stop.signal,
    );
  } catch (error) {
    const expected =
      error instanceof LocalStartError || (error instanceof Error && error.name === 'StoreError');
    throw expected ? new CommandFailure(error.message) : error;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

/** Real money never meets a clock or a market that are not real, nor a run that ends by itself. */
function checkLive(exchange: 'simulated' | Exchange, { bars }: StartOptions): void {
  if (exchange === 'simulated')
    throw new UsageError(`--live trades a real account: leave out --exchange simulated`);
  const refusal = liveRefusal(exchange);
  if (refusal !== undefined) throw new UsageError(`--live: ${refusal}`);
  if (bars !== undefined)
    throw new UsageError(
      '--bars ends the run, and nobody would manage its positions: leave it out with --live',
    );
}

export function parseSpeed(text: string): number | 'max' {
  if (text === 'max') return 'max';
  const speed = Number(text);
  if (!(speed > 0 && speed <= 10_000))
    throw new InvalidArgumentError('It must be a number from 0 (exclusive) to 10000, or "max".');
  return speed;
}

function parseSeed(text: string): number {
  const seed = Number(text);
  if (!Number.isInteger(seed) || Math.abs(seed) >= 2 ** 31)
    throw new InvalidArgumentError('It must be a 32-bit whole number.');
  return seed;
}

export const PORT_MEANING =
  'port of the dashboard and the API; the next four are taken too; 0 for any free ones';

export function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_531)
    throw new InvalidArgumentError('It must be a port from 1 to 65531, or 0 for any free ones.');
  return port;
}
