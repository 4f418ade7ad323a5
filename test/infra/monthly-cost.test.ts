// The cost of a stage: by hand for one size, growing with symbols, and about the functions and alarms that are deployed.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alarmDefinitions } from '../../infra/catalog/alarms.ts';
import { FUNCTION_NAMES, FUNCTIONS } from '../../infra/catalog/functions.ts';
import { ALARM_METRICS, monthlyCost, PRICES_USD } from '../../infra/cost/monthly-cost.ts';

const memoryMb = Object.fromEntries(FUNCTION_NAMES.map((name) => [name, FUNCTIONS[name].memoryMb]));
const costOf = (symbols: number, shards = 1) => monthlyCost({ symbols, shards, memoryMb });
const totalOf = (symbols: number, shards = 1) =>
  costOf(symbols, shards).reduce((sum, { usd }) => sum + usd, 0);
const lineOf = (service: string, what: string) =>
  costOf(100).find((line) => line.service === service && line.what === what)!;

describe('the monthly cost', () => {
  it('is what a calculation by hand gives', () => {
    // 8760 bars × 100 symbols, into the table and its index.
    expect(lineOf('DynamoDB', 'signals written').quantity).toBe(1_752_000);
    expect(lineOf('DynamoDB', 'signals written').usd).toBeCloseTo(1.752 * 0.715, 10);
    // 288 × 90 × 100 items of 940 bytes, twice; 129,600 risk records of 500 bytes.
    expect(lineOf('DynamoDB', 'storage').quantity).toBeCloseTo(2 * 2.43648 + 0.0648, 10);
    expect(lineOf('DynamoDB', 'point-in-time recovery').quantity).toBeCloseTo(2.43648 + 0.0648, 10);
    // 8760 runs of 1.25 s with 1769 of 1024 MB.
    expect(lineOf('Lambda', 'infer').quantity).toBeCloseTo((8_760 * 0.75 * 1_769) / 1_024, 6);
    // Three functions each minute, infer and execute each bar, evaluate each hour, two jobs a day.
    const runs = 3 * 43_800 + 2 * 8_760 + 730 + (2 * 730) / 24;
    expect(lineOf('Lambda', 'requests').quantity).toBeCloseTo(runs, 6);
    expect(lineOf('EventBridge Scheduler', 'calls').quantity).toBeCloseTo(runs - 8_760, 6);
    expect(lineOf('CloudWatch', 'alarms').usd).toBeCloseTo(9.6, 10);
  });

  it('grows with the symbols, and with the shards, and no line is negative', () => {
    const size = fc.record({
      symbols: fc.integer({ min: 1, max: 999 }),
      shards: fc.integer({ min: 1, max: 99 }),
    });
    fc.assert(
      fc.property(size, ({ symbols, shards }) => {
        expect(totalOf(symbols + 1, shards)).toBeGreaterThan(totalOf(symbols, shards));
        expect(totalOf(symbols, shards + 1)).toBeGreaterThan(totalOf(symbols, shards));
        expect(costOf(symbols, shards).every(({ usd }) => Number.isFinite(usd) && usd >= 0)).toBe(true);
      }),
    );
  });

  it('has the fixed address on top where there is one, by hand', () => {
    const withNetwork = monthlyCost({ symbols: 100, shards: 1, memoryMb, network: true });
    const added = withNetwork.slice(costOf(100).length);
    expect(withNetwork.slice(0, -added.length)).toEqual(costOf(100));
    // 730 hours of gateway and address; 730 × (12 + 60) runs of 100 KB.
    expect(added.map(({ service, usd }) => [service, Number(usd.toFixed(4))])).toEqual([
      ['VPC', 45.26],
      ['VPC', Number((5.256 * 0.062).toFixed(4))],
      ['VPC', 3.65],
    ]);
  });

  it('has a line for every function that is deployed, and for no other', () => {
    const lines = costOf(100).filter(({ service, unit }) => service === 'Lambda' && unit === 'GB-s');
    expect(lines.map(({ what }) => what).sort()).toEqual([...FUNCTION_NAMES].sort());
  });

  it('counts the metrics of every alarm', () => {
    const watched = alarmDefinitions({ stage: 'dev', shards: 1 }).map(({ metric }) =>
      'usingMetrics' in metric ? Object.keys(metric.usingMetrics as object).length : 1,
    );
    expect(watched.reduce((sum, count) => sum + count, 0)).toBe(ALARM_METRICS);
    expect(PRICES_USD.alarmMetricMonth).toBeGreaterThan(0);
  });
});
