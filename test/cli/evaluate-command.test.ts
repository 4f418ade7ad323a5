// `qtrader evaluate` and `qtrader drift` as the operator calls them: the real command, folders of files, exit codes and one line of why.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createFolderObjectStore } from '../../lib/adapters/files/folder-object-store.ts';
import { toCsv } from '../support/market/candle-csv.ts';
import { randomWalk } from '../support/market/random-walk.ts';
import { buildModelFolder } from '../support/models/build-model-folder.ts';

const BARS = 1_300;
/** Open of bar 1000 of the walk. */
const FROM = '2024-01-04T11:20Z';
const SYMBOLS = ['AUSDT', 'BUSDT', 'CUSDT', 'DUSDT', 'EUSDT'];
const RECORDED = resolve(process.env.QT_DATA_DIR ?? '../shared/data', 'binance_spot_2024');

let root: string;
let data: string;
let models: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'qt-evaluate-'));
  data = join(root, 'data');
  models = join(root, 'models');
  mkdirSync(data);
  mkdirSync(models);
  for (const [index, symbol] of SYMBOLS.entries())
    writeFileSync(join(data, `${symbol}.csv.gz`), toCsv(randomWalk({ seed: index + 1, bars: BARS })));
  await buildModelFolder({ store: createFolderObjectStore(models) });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function qtrader(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['bin/qtrader.mjs', ...args], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return { status, stdout, stderr };
}

const FIGURES = [
  ...['logLoss', 'priorLogLoss', 'brier', 'ece', 'rankIc', 'rankIcT'],
  ...['agreementXgbLgbm', 'consensusRate', 'meanConfidence', 'actions'],
];
const STRATEGY = ['sharpe', 'sortino', 'calmar', 'profitFactor', 'maxDrawdown', 'deflatedSharpe', 'trades'];

describe('qtrader evaluate', () => {
  test('--json prints one object that holds every figure, null where undefined, and nothing else', () => {
    const run = qtrader('evaluate', '--data', data, '--models', models, '--from', FROM, '--json');
    expect(run.status).toBe(0);
    const evaluation = JSON.parse(run.stdout);
    for (const figures of [...Object.values(evaluation.models), evaluation.ensemble])
      for (const name of FIGURES) expect(figures).toHaveProperty(name);
    for (const name of STRATEGY) expect(evaluation.strategy).toHaveProperty(name);
    expect(Object.keys(evaluation.models)).toEqual(['xgboost', 'lightgbm', 'nhits', 'patchtst']);
    expect(evaluation.strategy.deflatedSharpe).toBeNull();
    expect(evaluation.models.nhits.agreementXgbLgbm).toBeNull();
    expect(evaluation).toMatchObject({
      ensembleId: 'e20240728_000000',
      symbols: SYMBOLS,
      range: { from: '2024-01-04T11:20:00.000Z' },
      // The fixture says that it was trained from April 2024 on.
      inSample: false,
      rows: 5 * (300 - 12),
      abstentions: { no_future: 60 },
      label: { horizonBars: 12 },
    });
    expect(run.stderr.trim().split('\n')).toHaveLength(SYMBOLS.length);
  });

  test('prints tables for people and writes the page', () => {
    const report = join(root, 'report.html');
    const common = ['--data', data, '--models', models, '--from', FROM, '--symbols', 'AUSDT,BUSDT'];
    const run = qtrader('evaluate', ...common, '--report', report);
    expect(run.status).toBe(0);
    expect(run.stdout).toMatch(/out of sample/);
    expect(run.stdout).toMatch(/rank IC/);
    expect(readFileSync(report, 'utf8')).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/);
  });

  test.each([
    [['--from', '2024-01-04T11:21Z'], 2, /open of a 5-minute bar/],
    [['--from', '2024-01-05', '--to', '2024-01-04'], 2, /--from must be before --to/],
    [['--from', 'yesterday'], 2, /ISO time/],
    [['--symbols', 'XUSDT'], 2, /no candles of XUSDT/],
    [['--every', '0'], 2, /at least 1/],
    [['--to', '2024-01-02'], 1, /no bar to evaluate \(insufficient_history/],
    [['--symbols', 'AUSDT', '--from', FROM, '--report', '/nowhere/page.html'], 1, /cannot write the report/],
  ])('%j ends with code %i and one line', (args, status, why) => {
    const run = qtrader('evaluate', '--data', data, '--models', models, ...args);
    expect(run.status).toBe(status);
    expect(run.stderr).toMatch(why);
    expect(run.stderr).not.toMatch(/\n\s+at /);
  });

  test('a store without an ensemble, and folders that are not there', () => {
    const empty = join(root, 'empty');
    mkdirSync(empty, { recursive: true });
    expect(qtrader('evaluate', '--data', data, '--models', empty)).toMatchObject({ status: 1, stdout: '' });
    expect(qtrader('evaluate', '--data', empty, '--models', models)).toMatchObject({ status: 2, stdout: '' });
    expect(qtrader('evaluate', '--data', join(root, 'none')).status).toBe(2);
    expect(qtrader('evaluate').status).toBe(2);
  });

  test('a broken candle file is skipped by name; the others are evaluated, and the exit code says so', () => {
    const broken = join(root, 'broken');
    mkdirSync(broken);
    writeFileSync(join(broken, 'AUSDT.csv.gz'), readFileSync(join(data, 'AUSDT.csv.gz')));
    writeFileSync(join(broken, 'BUSDT.csv.gz'), readFileSync(join(data, 'BUSDT.csv.gz')).subarray(0, 5_000));
    const run = qtrader('evaluate', '--data', broken, '--models', models, '--from', FROM, '--json');
    expect(run.status).toBe(1);
    expect(run.stderr).toMatch(/skipped 1 symbol: BUSDT/);
    expect(JSON.parse(run.stdout).symbols).toEqual(['AUSDT']);
  });

  test.skipIf(!existsSync(RECORDED))('evaluates recorded candles with the 5 August 2024 in them', () => {
    const range = ['--from', '2024-08-05', '--to', '2024-08-06', '--symbols', 'BTCUSDT,ETHUSDT'];
    const run = qtrader('evaluate', '--data', RECORDED, '--models', models, ...range, '--json');
    expect(run.status).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({ inSample: false, rows: 2 * (288 - 12) });
  });
});

describe('qtrader backtest', () => {
  test('says why no bar can be decided', () => {
    const range = ['--from', '2024-01-02', '--to', '2024-01-03'];
    const run = qtrader('backtest', '--data', data, '--models', models, ...range);
    expect(run).toMatchObject({ status: 1, stdout: '' });
    expect(run.stderr).toMatch(
      /no bar of the range can be decided \(insufficient_history 1440\): a decision needs 880 bars before it/,
    );
  });

  test('counts the bars without a decision when only some lack their history', () => {
    // Bar 879 of the walk, the first one with a row, opens at 01:15 on 4 January.
    const range = ['--from', '2024-01-04', '--to', '2024-01-04T02:00Z', '--symbols', 'AUSDT'];
    const run = qtrader('backtest', '--data', data, '--models', models, ...range, '--json');
    expect(run.status).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({ decisions: 9, abstentions: { insufficient_history: 15 } });
  });
});

describe('qtrader drift', () => {
  test('says how to make the profile, makes it, and then measures', () => {
    const common = ['--data', data, '--models', models];
    const before = qtrader('drift', ...common);
    expect(before).toMatchObject({ status: 1, stdout: '' });
    expect(before.stderr).toMatch(/qtrader drift profile/);

    const range = ['--symbols', SYMBOLS.join(','), '--from', '2024-01-01', '--to', '2024-01-05'];
    expect(qtrader('drift', 'profile', ...common, ...range)).toMatchObject({ status: 0 });
    const again = qtrader(
      'drift',
      'profile',
      ...common,
      ...range.slice(0, 3),
      '2024-01-04T12:00Z',
      ...range.slice(4),
    );
    expect(again.status).toBe(1);
    expect(again.stderr).toMatch(/--force/);

    const measured = qtrader('drift', ...common, '--bars', '288', '--json');
    expect(measured.status).toBe(0);
    const report = JSON.parse(measured.stdout);
    expect(report.features).toHaveLength(49);
    expect(report.recent).toMatchObject({ rows: 5 * 288, symbols: SYMBOLS });
    expect(report.features[0]).toMatchObject({ interval: null });
    expect(qtrader('drift', ...common, '--bars', '288').stdout).toMatch(/significant \(above 0\.25\)/);
  });
});
