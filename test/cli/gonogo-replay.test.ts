// `qtrader gonogo --data`: the criteria on the recorded crash, as the operator calls it.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { qtrader } from '../support/qtrader.ts';

const SAMPLE = join(import.meta.dirname, '../../samples/crash-2024-08-05');
const REPLAY = ['gonogo', '--data', SAMPLE, '--symbols', 'BTCUSDT,FETUSDT'];

describe('qtrader gonogo --data', () => {
  test('says how often GO was given and what followed, in text and in figures', async () => {
    const range = ['--from', '2024-08-04', '--to', '2024-08-06'];
    const text = await qtrader(...REPLAY, ...range);
    expect(text.exitCode).toBe(0);
    expect(text.stdout).toMatch(/^GO on 0 of 2 days/);
    expect(text.stdout).toMatch(/after NO_GO: the account made -?[\d.]+ bps on the mean of 1 next days/);
    expect(text.stdout).toMatch(/memory and latency are left out/);
    const { days, afterNoGo } = JSON.parse((await qtrader(...REPLAY, ...range, '--json')).stdout);
    expect(days).toHaveLength(2);
    expect(days[0].evidence.barsDecided).toBe(288);
    expect(afterNoGo.meanReturn).toBe(days[0].nextDayReturn);
  });

  test.each([
    [['--from', '2024-08-04T12:00Z', '--to', '2024-08-06'], /whole UTC days/],
    [['--from', '2024-08-06', '--to', '2024-08-04'], /--from the earlier/],
    [['--from', '2024-08-04'], /needs --from and --to/],
  ])('%j is a mistake in one line', async (range, why) => {
    const run = await qtrader(...REPLAY, ...range);
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toMatch(why);
    expect(run.stderr.trim().split('\n')).toHaveLength(1);
  });
});
