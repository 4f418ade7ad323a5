// Ten shards of one bar decide at the same moment, under Parameter Store's bound of 40 reads a second for a whole account.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FEATURE_SET_HASH } from '../../../lib/features/feature-set.ts';
import { BAR_MS, lastClosedOpenTimeMs } from '../../../lib/market/candle.ts';
import { readCurrentEnsemble } from '../../../lib/models/use-cases/read-ensemble.ts';
import { BREAKER_LIMITS } from '../../../lib/risk/breaker/limits.ts';
import { tickBreaker } from '../../../lib/risk/use-cases/circuit-breaker.ts';
import { composeExecute, type ExecuteComposition } from '../../../lib/runtime/compose/execute.ts';
import { prepareLocalStage } from '../../../lib/runtime/compose/local-stage.ts';
import { composeManagePositions } from '../../../lib/runtime/compose/manage-positions.ts';
import { type OperatorSystem, openLocalStage } from '../../../lib/runtime/compose/operator.ts';
import { localTradingSettings } from '../../../lib/runtime/config/local-settings.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../../../local/aws/embedded-aws.ts';
import {
  type SimulatedExchange,
  startSimulatedExchange,
} from '../../../local/exchange/simulated-exchange.ts';
import { generateMarket } from '../../../local/market/generated-market.ts';
import { runOf } from '../../support/inference/sample-signals.ts';
import { signalOf } from '../../support/trading/trading-world.ts';

const SHARDS = 10;
const SYMBOLS_PER_SHARD = 4;
const READS_PER_SECOND = 40;
const BARS = 300;
const market = generateMarket({
  seed: 5,
  symbols: SHARDS * SYMBOLS_PER_SHARD,
  fromMs: Date.UTC(2024, 0, 1),
  bars: BARS + 20,
});

let stateDir: string;
let aws: EmbeddedAws;
let exchange: SimulatedExchange;
let system: OperatorSystem;
let shards: ExecuteComposition[];
let nowMs: number;
const clock = { nowMs: () => nowMs };

beforeEach(async () => {
  nowMs = market.firstOpenTimeMs + BARS * BAR_MS + 3_000;
  stateDir = await mkdtemp(join(tmpdir(), 'qt-shards-'));
  aws = await startEmbeddedAws({ stateDir });
  exchange = await startSimulatedExchange({ market, clock });
  system = openLocalStage(aws.endpoints, stateDir, { name: 'binanceusdm', url: exchange.url });
  await prepareLocalStage(aws.endpoints, system.objects);
  const settings = localTradingSettings({ exchange: 'binanceusdm', exchangeUrl: exchange.url });
  const overrides = { endpoints: aws.endpoints, clock, isReplay: true };
  const positions = composeManagePositions(settings, overrides);
  await system.signals.putRun(runOf(lastClosedOpenTimeMs(nowMs)));
  await positions.manageScopes();
  await positions.close();
  await tickBreaker({ ...system, clock, shards: 1, limits: BREAKER_LIMITS }, 'paper');
  // Each is a process of its own on AWS.
  shards = Array.from({ length: SHARDS }, () => composeExecute(settings, overrides));
});
afterEach(async () => {
  for (const shard of shards) await shard.close();
  await exchange.close();
  await system.close();
  await aws.close();
  await rm(stateDir, { recursive: true });
});

/** Every symbol of every shard is to be bought. */
async function decideBar() {
  const current = await readCurrentEnsemble(system.objects);
  if (!current.ok) throw new Error(current.error.message);
  const barOpenTimeMs = lastClosedOpenTimeMs(nowMs);
  const request = {
    barOpenTimeMs,
    shardCount: SHARDS,
    ensembleId: current.value.ensemble.id,
    featureSetHash: FEATURE_SET_HASH,
  };
  return Promise.all(
    shards.map(async (execute, shard) => {
      const symbols = market.symbols.slice(shard * SYMBOLS_PER_SHARD, (shard + 1) * SYMBOLS_PER_SHARD);
      for (const symbol of symbols) {
        const close = market.candles(symbol).close[BARS - 1]!;
        await system.signals.put({
          ...signalOf('BTCUSDT', 'BUY', { barOpenTimeMs, close, atr: close * 0.004, stopAtr: close * 0.004 }),
          symbol,
          ensembleId: request.ensembleId,
          codeVersion: system.codeVersion,
        });
      }
      return { execute, request: { ...request, shard, symbols } };
    }),
  );
}

it('reads them once a run, and once more for each entry that the gate has let through', async () => {
  const decided = await decideBar();
  aws.faults.ssm.inject({
    kind: 'rate',
    perSecond: READS_PER_SECOND,
    operations: ['GetParameter', 'GetParameters'],
  });
  const taken = vi.spyOn(aws.faults.ssm, 'take');
  const reports = await Promise.all(decided.map(({ execute, request }) => execute.executeBar(request)));
  const outcomes = reports.flatMap(({ decisions }) => decisions.flatMap(({ outcomes: codes }) => codes));
  const count = (code: string) => outcomes.filter((each) => each === code).length;
  const authorised = Object.keys((await system.risk.readGate('paper'))!.authorised).length;
  expect(authorised).toBeGreaterThan(0);
  // Nobody was kept out by a reading that failed.
  expect(count('mode_off') + count('entry_withdrawn')).toBe(0);
  expect(outcomes.length).toBeGreaterThanOrEqual(SHARDS * SYMBOLS_PER_SHARD);
  const reads = taken.mock.calls.filter(([operation]) => operation === 'GetParameters').length;
  const throttled = taken.mock.results.filter(({ value }) => value?.kind === 'throttle').length;
  expect([reads, throttled]).toEqual([SHARDS + authorised, 0]);
});

it('enters nothing in a shard whose reading is throttled to the end, and leaves the others alone', async () => {
  const decided = await decideBar();
  aws.faults.ssm.inject({ kind: 'throttle', times: 100, operation: 'GetParameters' });
  const kept = await decided[0]!.execute.executeBar(decided[0]!.request);
  expect(kept).toMatchObject({ mode: 'OFF', decisions: [] });
  aws.faults.ssm.clear();
  expect(await decided[1]!.execute.executeBar(decided[1]!.request)).toMatchObject({ mode: 'PAPER' });
});
