// `qtrader backtest`, its sweep and its comparison as the operator calls them, on the recorded crash.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { qtrader } from '../support/qtrader.ts';

const SAMPLE = join(import.meta.dirname, '../../samples/crash-2024-08-05');
let root: string;
let recorded: string[];
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'qt-backtest-'));
  recorded = [
    ...['--data', SAMPLE, '--symbols', 'BTCUSDT,FETUSDT,PENDLEUSDT', '--predictions', join(root, 'answers')],
    ...['--from', '2024-08-04T12:00Z', '--to', '2024-08-05T12:00Z'],
  ];
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('qtrader backtest', () => {
  test('settings change the result and are in it; two results are compared', async () => {
    const [released, long] = [join(root, 'released.json'), join(root, 'long.json')];
    const first = await qtrader('backtest', ...recorded, '--json');
    const second = await qtrader(
      'backtest',
      ...recorded,
      '--json',
      '--long-only',
      '--stop-atr',
      '3',
      '--fee-bps',
      '7.5',
    );
    expect([first.exitCode, second.exitCode]).toEqual([0, 0]);
    writeFileSync(released, first.stdout);
    writeFileSync(long, second.stdout);
    expect(JSON.parse(second.stdout)).toMatchObject({
      settings: { longOnly: true, stopAtrMultiple: 3, feeBps: 7.5, slippageBps: 2 },
      releasedSettings: { longOnly: false, stopAtrMultiple: 1.2, feeBps: 5 },
      costs: { takerFeeBps: 7.5 },
    });
    const page = join(root, 'compared.html');
    const compared = await qtrader('backtest', 'compare', released, long, '--report', page);
    expect(compared).toMatchObject({ exitCode: 0, stderr: `report: ${page}\n` });
    expect(compared.stdout).toContain('long (fee-bps 7.5, stop-atr 3, long-only true), returned');
    expect(readFileSync(page, 'utf8')).toContain('Comparison of 2 backtests');
  });

  test('a sweep tries every combination once, and has its page', async () => {
    const page = join(root, 'sweep.html');
    const swept = await qtrader(
      ...['backtest', 'sweep', ...recorded, '--from', '2024-08-04T00:00Z', '--to', '2024-08-06T00:00Z'],
      ...[
        '--vary',
        'stop-atr=1.2,2',
        '--vary',
        'edge-bps=20.02,9999',
        '--choose-days',
        '1',
        '--judge-days',
        '1',
      ],
      ...['--report', page, '--json'],
    );
    expect(swept.exitCode).toBe(0);
    const report = JSON.parse(swept.stdout);
    expect(report.trials.map(({ changes }: { changes: string }) => changes)).toEqual([
      '',
      'edge-bps 9999',
      'stop-atr 2',
      'edge-bps 9999, stop-atr 2',
    ]);
    expect(report.trials[1].trades).toBe(0);
    expect(report.trials[0].trades).toBeGreaterThan(0);
    expect(report.folds).toHaveLength(1);
    expect(readFileSync(page, 'utf8')).toContain('Sweep of ensemble');
  });

  test('says why nothing was traded, and why nothing can be', async () => {
    const idle = await qtrader('backtest', ...recorded, '--edge-bps', '9999');
    expect(idle.exitCode).toBe(0);
    expect(idle.stdout).toMatch(/traded nothing: all 864 decisions were HOLD: edge_below_threshold 864/);
    const early = await qtrader(
      'backtest',
      ...recorded,
      '--from',
      '2024-07-31T01:00Z',
      '--to',
      '2024-07-31T12:00Z',
    );
    expect(early).toMatchObject({ exitCode: 1, stdout: '' });
    expect(early.stderr).toMatch(/no bar of the range can be decided \(insufficient_history \d+\)/);
  });

  test.each([
    [['--fee-bps', '-1'], 2, /fee-bps must be a number from 0 to 1000/],
    [['--positions', '1.5'], 2, /positions must be a whole number from 0 to 100/],
    [['sweep', '--vary', 'stop=1'], 2, /"stop" is no setting/],
    [['sweep', '--vary', 'stop-atr=1', '--vary', 'stop-atr=2'], 2, /--vary names a setting twice/],
    [['sweep', '--vary', 'stop-atr=1'], 2, /the range has 1\.0 days: to choose on 20 and to judge on 10/],
  ] as const)('%j is refused in one line', async (more, exitCode, why) => {
    const [command, options] = more[0] === 'sweep' ? [['sweep'], more.slice(1)] : [[], more];
    const refused = await qtrader('backtest', ...command, ...recorded, ...options);
    expect([refused.exitCode, refused.stdout]).toEqual([exitCode, '']);
    expect(refused.stderr).toMatch(why);
    expect(refused.stderr.trim()).not.toContain('\n');
  });

  test('files that are no backtests are refused', async () => {
    const refused = await qtrader(
      'backtest',
      'compare',
      join(root, 'none.json'),
      join(SAMPLE, '../README.md'),
    );
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
    expect(refused.stderr).toMatch(/cannot read .*none\.json \(ENOENT\): check the path/);
  });
});

test.each([
  ['backtest', '--from', '2024-08-04', '--to', '2024-08-05'],
  ['gonogo', '--from', '2024-08-04', '--to', '2024-08-05'],
  ['evaluate'],
  ['study', 'exits'],
  ['study', 'entries'],
])('%s of a folder without one usable file names the file and what is wrong with it', async (...command) => {
  writeFileSync(join(root, 'BTCUSDT.csv'), 'time,price\n1,2\n');
  const refused = await qtrader(...command, '--data', root);
  expect(refused.exitCode).not.toBe(0);
  expect(refused.stdout).toBe('');
  expect(refused.stderr).toMatch(
    /^error: no .*BTCUSDT\.csv: the first line must be .*: check --from, --to and --symbols$/m,
  );
});
