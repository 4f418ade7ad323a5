import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFolderObjectStore } from '../../lib/adapters/files/folder-object-store.ts';
import { FEATURE_SET_HASH } from '../../lib/features/feature-set.ts';
import { signalSchema } from '../../lib/inference/signal.ts';
import type { CandleSeries } from '../../lib/market/candle-series.ts';
import { REQUEST_BARS } from '../../lib/market/grid.ts';
import { generateMarket } from '../../local/market/generated-market.ts';
import { buildModelFolder } from '../support/models/build-model-folder.ts';
import { QT, qtrader } from '../support/qtrader.ts';

const market = generateMarket({
  seed: 11,
  symbols: 2,
  fromMs: Date.UTC(2024, 0, 1),
  bars: REQUEST_BARS + 20,
});
const [first, second] = market.symbols as [string, string];
const at = new Date(market.lastOpenTimeMs + 300_000).toISOString();

let folder: string;
let data: string;
let models: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-cli-'));
  data = join(folder, 'data');
  models = join(folder, 'models');
  await putCandles(data, first, toCsv(market.candles(first)));
  await putCandles(data, second, toCsv(market.candles(second)));
  await buildModelFolder({ store: createFolderObjectStore(models) });
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const toCsv = (series: CandleSeries): string[] => [
  'ts,open,high,low,close,volume',
  ...Array.from({ length: series.length }, (_, bar) =>
    [series.openTimeMs, series.open, series.high, series.low, series.close, series.volume]
      .map((column) => column[bar])
      .join(','),
  ),
];

async function putCandles(dir: string, symbol: string, lines: readonly string[]): Promise<string> {
  await mkdir(dir, { recursive: true });
  const file = join(dir, `${symbol}.csv.gz`);
  await writeFile(file, gzipSync(`${lines.join('\n')}\n`));
  return file;
}

/** Exactly one line on stderr, no stack. */
const messageOf = /^error: [^\n]+\n$/;

describe('qtrader', () => {
  it('shows help, for itself and for every command', async () => {
    const { exitCode, stdout } = await qtrader('--help');
    expect(exitCode).toBe(0);
    const commands = [...stdout.matchAll(/^ {2}([a-z-]+)( |$)/gm)]
      .map(([, name]) => name!)
      .filter((name) => name !== 'help');
    expect(commands).toEqual(
      expect.arrayContaining(['start', 'features', 'infer', 'signals', 'flags', 'models', 'dataset']),
    );
    const helps = await Promise.all(commands.map((command) => qtrader(command, '--help')));
    for (const help of helps) expect(help).toMatchObject({ exitCode: 0, stderr: '' });
  }, 180_000);

  it.each([
    [['nonsense']],
    [['features', '--nonsense']],
    [['features']],
    [['infer', '--data', '.']],
    [['infer', '--data', '.', '--at', 'yesterday']],
    [['infer', '--data', '/nowhere', '--at', '2024-01-01']],
    [['start', '--bars', '0']],
    [['start', '--speed', '-1']],
    [['start', '--exchange', 'mtgox']],
    [['start', '--exchange', 'binanceusdm', '--data', '.']],
    [['start', '--generated', '--data', '.']],
    [['start', '--exchange', 'binanceusdm', '--generated']],
    [['flags', 'set', 'QT_NONSENSE', 'true']],
    [['flags', 'set', 'QT_PAPER_TRADING', 'True ']],
  ])('refuses %j as wrong usage, in one line', async (args) => {
    const { exitCode, stderr } = await qtrader(...args);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(messageOf);
  });
});

describe('qtrader --version', () => {
  it('prints the version of the package', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8'));
    expect(await qtrader('--version')).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('qtrader features', () => {
  it('lists the 49 in order, with their hash', async () => {
    const { stdout } = await qtrader('features', '--list', '--json');
    const list = JSON.parse(stdout);
    expect(list.featureSetHash).toBe(FEATURE_SET_HASH);
    expect(list.features).toHaveLength(49);
    expect(list.features[0]).toMatchObject({ name: 'log_return_1', group: 'price', version: 1 });
    for (const feature of list.features)
      expect(feature).toMatchObject({ unit: expect.any(String), warmUpBars: expect.any(Number) });
  });

  it('writes 55 columns that read back to the very floats', async () => {
    const out = join(folder, 'frame.csv');
    const { exitCode } = await qtrader(
      'features',
      '--candles',
      join(data, `${first}.csv.gz`),
      '--out',
      out,
      '--last',
      '5',
    );
    expect(exitCode).toBe(0);
    const lines = (await readFile(out, 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(6);
    expect(new Set(lines.map((line) => line.split(',').length))).toEqual(new Set([55]));
    const cells = lines.at(-1)!.split(',').map(Number);
    expect(cells[0]).toBe(market.lastOpenTimeMs);
    for (const value of cells.slice(6)) expect(Math.fround(value)).toBe(value);
  });

  const bad = (change: (lines: string[]) => string[]) => change(toCsv(market.candles(first)));
  it.each([
    ['wrong columns', () => bad((lines) => ['time,o,h,l,c,v', ...lines.slice(1)]), /first line must be/],
    [
      'a missing column',
      () => bad((lines) => [...lines.slice(0, 3), '1,2,3', ...lines.slice(3)]),
      /line 4 has 3 columns/,
    ],
    [
      'misaligned candles',
      () =>
        bad((lines) =>
          lines.map((line, index) =>
            index === 0 ? line : line.replace(/^\d+/, (ts) => String(Number(ts) + 1)),
          ),
        ),
      /line 2: .*misaligned/,
    ],
    [
      'unsorted candles',
      () => bad((lines) => [lines[0]!, lines[2]!, lines[1]!, ...lines.slice(3)]),
      /line 3: .*not_increasing/,
    ],
    [
      'an empty cell',
      () => bad((lines) => [lines[0]!, lines[1]!.replace(/,[^,]*$/, ','), ...lines.slice(2)]),
      /line 2: .*not_finite/,
    ],
    ['too short a history', () => bad((lines) => lines.slice(0, 100)), /insufficient_history/],
  ])('refuses %s, naming the place', async (name, lines, message) => {
    const file = await putCandles(join(folder, 'bad', name.replaceAll(' ', '-')), first, lines());
    const { exitCode, stderr } = await qtrader(
      'features',
      '--candles',
      file,
      '--out',
      join(folder, 'never.csv'),
    );
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(messageOf);
    expect(stderr).toMatch(message);
    await expect(readFile(join(folder, 'never.csv'))).rejects.toThrow();
  });

  it('reads a CSV file by its content, gzipped or not, whatever its name', async () => {
    const lines = toCsv(market.candles(first));
    const plain = `${lines.join('\n')}\n`;
    const frame = async (name: string, content: string | Buffer) => {
      const [file, out] = [join(folder, name), join(folder, `${name}.frame`)];
      await writeFile(file, content);
      expect(await qtrader('features', '--candles', file, '--out', out, '--last', '3')).toMatchObject({
        exitCode: 0,
      });
      return readFile(out, 'utf8');
    };
    const expected = await frame('a.csv.gz', gzipSync(plain));
    expect(await frame('b.csv', plain)).toBe(expected);
    expect(await frame('c.csv.gz', plain)).toBe(expected);
    expect(await frame('d.csv', gzipSync(plain))).toBe(expected);
  });

  it('refuses a file that holds no candles, and a place that cannot be written to', async () => {
    const text = join(folder, 'text.csv.gz');
    await writeFile(text, 'ts,open');
    expect(await qtrader('features', '--candles', text, '--out', join(folder, 'x.csv'))).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(messageOf),
    });
    const unwritable = await qtrader(
      'features',
      '--candles',
      join(data, `${first}.csv.gz`),
      '--out',
      '/nowhere/x.csv',
    );
    expect(unwritable).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/cannot write \/nowhere\/x.csv/),
    });
  });
});

describe('a folder of candles', () => {
  it('may hold plain CSV files, but no symbol twice', async () => {
    const plain = join(folder, 'plain');
    await mkdir(plain);
    await writeFile(join(plain, `${first}.csv`), `${toCsv(market.candles(first)).join('\n')}\n`);
    const infer = () => qtrader('infer', '--data', plain, '--at', at, '--models', models, '--json');
    expect(JSON.parse((await infer()).stdout)).toMatchObject({ symbol: first, activeModels: 4 });
    await putCandles(plain, first, toCsv(market.candles(first)));
    expect(await infer()).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(`holds both ${first}.csv and ${first}.csv.gz`),
    });
  });
});

describe('a file of the collection', () => {
  it('that lacks a field is told as such, not as undefined', async () => {
    const broken = join(folder, 'broken-collection');
    await mkdir(join(broken, 'candles', `symbol=${first}`), { recursive: true });
    await writeFile(join(broken, 'candles', `symbol=${first}`, 'manifest.json'), '{"schemaVersion":1}');
    const { stdout, stderr } = await qtrader('infer', '--data', broken, '--at', at, '--models', models);
    expect(stdout).toMatch(/manifest is malformed: source is missing;/);
    expect(stdout + stderr).not.toContain('undefined');
  });
});

describe('qtrader infer', () => {
  const infer = (...more: string[]) =>
    qtrader('infer', '--data', data, '--at', at, '--models', models, '--json', ...more);

  it('prints one signal or abstention per symbol', async () => {
    const { exitCode, stdout } = await infer();
    expect(exitCode).toBe(0);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ symbol }) => symbol)).toEqual([first, second].sort());
    for (const line of lines)
      expect(signalSchema.parse(line)).toMatchObject({
        barOpenTimeMs: market.lastOpenTimeMs,
        activeModels: 4,
      });
    const early = await qtrader(
      'infer',
      '--data',
      data,
      '--at',
      '2024-01-02T00:02',
      '--models',
      models,
      '--symbols',
      first,
      '--json',
    );
    expect(JSON.parse(early.stdout)).toMatchObject({ symbol: first, abstained: 'insufficient_history' });
  });

  it('goes on with a bad symbol file among good ones', async () => {
    const mixed = join(folder, 'mixed');
    await putCandles(mixed, first, toCsv(market.candles(first)));
    await putCandles(mixed, second, ['nonsense']);
    const { exitCode, stdout } = await qtrader(
      'infer',
      '--data',
      mixed,
      '--at',
      at,
      '--models',
      models,
      '--json',
    );
    expect(exitCode).toBe(0);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toContainEqual(expect.objectContaining({ symbol: first, activeModels: 4 }));
    expect(lines).toContainEqual(expect.objectContaining({ symbol: second, abstained: 'invalid_candle' }));
  });

  it('abstains with the reason of a broken model, and says which symbol is unknown', async () => {
    const broken = join(folder, 'broken');
    await buildModelFolder({ store: createFolderObjectStore(broken) });
    const file = join(broken, 'models/xgboost/v20240728_000000/model.onnx');
    await writeFile(file, (await readFile(file)).subarray(0, 100));
    const { exitCode, stdout, stderr } = await qtrader(
      'infer',
      '--data',
      data,
      '--at',
      at,
      '--models',
      broken,
      '--symbols',
      first,
      '--json',
    );
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout).votes).toContainEqual({
      model: 'xgboost',
      version: 'v20240728_000000',
      abstained: 'sha256_mismatch',
    });
    expect(stderr).toMatch(/xgboost .*sha256_mismatch/);
    expect(await qtrader('models', 'verify', broken)).toMatchObject({
      exitCode: 1,
      stdout: expect.stringMatching(/xgboost.*sha256_mismatch/),
      stderr: expect.stringMatching(messageOf),
    });
    expect(await infer('--symbols', 'NOSUCHUSDT')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/no candles of NOSUCHUSDT/),
    });
  });

  it('fails without an ensemble', async () => {
    const { exitCode, stdout, stderr } = await qtrader(
      'infer',
      '--data',
      data,
      '--at',
      at,
      '--models',
      data,
      '--symbols',
      first,
      '--json',
    );
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ abstained: 'no_ensemble' });
    expect(stderr).toMatch(messageOf);
  });
});

describe('the local system', () => {
  const start = (state: string, ...more: string[]) =>
    qtrader(
      ...['start', '--speed', 'max', '--bars', '2', '--symbols', '3', '--state', state],
      ...[...(more.includes('--data') ? [] : ['--generated']), ...more],
    );

  it('decides bars, keeps its state, goes on where it stopped, and serves the commands', async () => {
    const state = join(folder, 'state');
    const run = await start(state);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toMatch(
      /2 bars, 2024-06-04 11:05 to 2024-06-04 11:10 UTC, 3 symbols\nsignals {3}6 stored/,
    );
    expect((await start(state)).stdout).toMatch(/2 bars, 2024-06-04 11:15 to 2024-06-04 11:20 UTC/);

    const signals = await qtrader(
      'signals',
      '--state',
      state,
      '--symbol',
      'BTCUSDT',
      '--last',
      '9',
      '--json',
    );
    expect(signals.stdout.trim().split('\n')).toHaveLength(4);
    expect(await qtrader('flags', 'set', 'QT_ENABLE_AI_TRADING', 'false', '--state', state)).toMatchObject({
      exitCode: 0,
    });
    await start(state);
    expect((await qtrader('flags', 'get', 'QT_ENABLE_AI_TRADING', '--state', state)).stdout).toBe(
      'QT_ENABLE_AI_TRADING  false\n',
    );
    expect(await qtrader('models', 'verify', '--state', state)).toMatchObject({ exitCode: 0 });
    const model = /^xgboost +(\S+)/m.exec((await qtrader('models', 'list', '--state', state)).stdout)![1]!;
    const order = [
      'models',
      'quarantine',
      `xgboost/${model}`,
      '--reason',
      'a test',
      '--by',
      'ada',
      '--state',
      state,
    ];
    expect(await qtrader(...order)).toMatchObject({ exitCode: 0 });
    const listed = await qtrader('models', 'list', '--state', state);
    expect(listed.stdout.match(/QUARANTINED/g)).toHaveLength(1);
    expect(listed.stdout).toMatch(/^xgboost .*QUARANTINED: a\s+test\s+\(ada \(not proven\)\)/m);
    expect(
      JSON.parse((await qtrader('models', 'list', '--json', '--state', state)).stdout).models,
    ).toContainEqual(expect.objectContaining({ name: 'xgboost', quarantine: 'a test (ada (not proven))' }));
  }, 180_000);

  it('replays a folder of candles', async () => {
    const from = new Date(market.lastOpenTimeMs - 600_000).toISOString();
    const run = await start(join(folder, 'state-folder'), '--data', data, '--from', from);
    expect(run).toMatchObject({ exitCode: 0 });
    expect(run.stdout).toMatch(/signals {3}4 stored/);
    // The last bar is decided, the market is at its end, and the same command begins again.
    await start(join(folder, 'state-folder'), '--data', data);
    const over = await start(join(folder, 'state-folder'), '--data', data);
    expect(over).toMatchObject({ exitCode: 0, stderr: '' });
    expect(over.stdout).toContain('the last run came to the end, starting over');
    expect(over.stdout).toContain('the state of the last one is kept in');
    const outside = await start(join(folder, 'state-folder'), '--data', data, '--from', '2030-01-01');
    expect(outside).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/nothing to replay at 2030-01-01/),
    });
  });

  it('shows a newcomer a crash: signals, entries, and the stop of each position', async () => {
    const state = join(folder, 'crash');
    const run = await qtrader('start', '--speed', 'max', '--bars', '9', '--state', state);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toMatch(/9 bars, 2024-08-05 00:35 to 2024-08-05 01:15 UTC, 20 symbols/);
    const { positions } = JSON.parse((await qtrader('status', '--json', '--state', state)).stdout);
    expect(positions.length).toBeGreaterThan(0);
    for (const { stopClientOrderId } of positions) expect(stopClientOrderId).not.toBeNull();
    // Nothing but the market moves its account.
    expect(run.stdout).not.toContain('rehearsal');
  });

  it('shows the circuit breaker in a demo, and tells all in a paragraph, from a state of its own', async () => {
    const run = await qtrader('demo', '--speed', 'max', '--bars', '10');
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toMatch(
      /rehearsal: the paper account is charged 1[\d.]+ USDT, as by qtrader local shock/,
    );
    expect(run.stdout.trimEnd().split('\n').at(-1)).toMatch(
      /^From 2024-08-05 00:\d\d to 2024-08-05 01:\d\d UTC: \d+ positions were entered, the first at 01:\d\d \(\w+USDT, bought at [\d.]+\)\..* The circuit breaker tripped at 01:\d\d \(.*daily_loss: .*\): since then nothing is entered\. The paper account is worth 8[\d.]+ USDT, 1[\d.]+ % less than at the start\.$/,
    );
    const state = / --state (\S+)\)/.exec(run.stdout)![1]!;
    expect(
      JSON.parse((await qtrader('orders', '--json', '--state', state)).stdout).orders.length,
    ).toBeGreaterThan(1);
    await rm(state, { recursive: true });
  });

  it('starts over when a finished run is repeated, and resumes with the latch closed when one was killed', async () => {
    const state = join(folder, 'state-from');
    const from = new Date(market.lastOpenTimeMs - 600 * 300_000).toISOString();
    const args = ['--data', data, '--from', from];
    const bars = /2 bars, (.*) to .* UTC, 2 symbols/;
    const [, began] = bars.exec((await start(state, ...args)).stdout)!;
    const again = await start(state, ...args);
    expect(bars.exec(again.stdout)?.[1]).toBe(began);
    expect(again.stdout).toContain('the state of the last one is kept in');

    // At this speed the 600 bars take 25 minutes: it cannot have finished. With its second bar the position is saved.
    const child = spawn(process.execPath, [QT, 'start', '--speed', '120', '--state', state, ...args]);
    let printed = '';
    for await (const chunk of child.stdout) {
      printed += chunk;
      if (printed.includes('[2] ')) child.kill('SIGKILL');
    }
    const trip = await qtrader('breaker', 'trip', '--reason', 'a test', '--by', 'ada', '--state', state);
    expect(trip).toMatchObject({ exitCode: 0 });
    const gone = await start(state, ...args);
    expect(gone.stdout).toContain('UTC; resuming at ');
    expect(gone.stdout).not.toContain('is kept in');
    const status = await qtrader('status', '--state', state, '--json');
    expect(JSON.parse(status.stdout)).toMatchObject({
      mode: 'OFF',
      breaker: { latch: 'TRIPPED' },
      origin: { kind: 'saved' },
    });
    const people = await qtrader('status', '--state', state);
    expect(people.stdout.replace(/\s+/g, ' ')).toMatch(
      /^system NOT RUNNING: this is its last state, saved [^;]+ ago; start it/,
    );
    expect(people.stdout).not.toContain('left');
    const notifications = await readFile(join(state, 'logs', 'notifications.jsonl'), 'utf8');
    // In the run's time, not in that of the machine.
    for (const line of notifications.trim().split('\n')) expect(JSON.parse(line).at).toMatch(/^2024-/);
  }, 120_000);

  it('says which port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((listening) => server.once('listening', listening));
    const { port } = server.address() as { port: number };
    const busy = await start(join(folder, 'state-busy'), '--port', String(port));
    expect(busy).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(messageOf) });
    expect(busy.stderr).toContain(String(port));
    server.close();
  });

  it('says so when there is no system, and when its folder cannot be used', async () => {
    expect(await qtrader('signals', '--state', join(folder, 'nothing'))).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/npm start/),
    });
    const file = join(folder, 'a-file');
    await writeFile(file, '');
    expect(await start(join(file, 'state'))).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(messageOf),
    });
  });
});
