// Stands for infer: the same handler, event, signals and record of the run, decided by the seed instead of by models.

import { messageOf } from '../../../lib/core/message-of.ts';
import { FEATURE_SET_HASH } from '../../../lib/features/feature-set.ts';
import type { Signal } from '../../../lib/inference/signal.ts';
import type { InferOutcome } from '../../../lib/inference/use-cases/infer.ts';
import { lastClosedOpenTimeMs } from '../../../lib/market/candle.ts';
import { candleAt } from '../../../lib/market/candle-series.ts';
import { symbolsOfShard } from '../../../lib/market/universe.ts';
import { runOf } from '../../support/inference/sample-signals.ts';
import { signalOf } from '../../support/trading/trading-world.ts';
import type { Environment } from '../kernel/environment.ts';
import type { Ports } from './functions.ts';
import type { Stage } from './stage.ts';

const ACTING_SHARE = 0.35;

export async function inferBySeed(
  stage: Stage,
  { signals: store, market }: Pick<Ports, 'signals' | 'market'>,
  environment: Environment,
  { shard, shardCount }: { shard: number; shardCount: number },
): Promise<InferOutcome> {
  const startedAtMs = environment.nowMs();
  const time = await market.serverTimeMs();
  const barOpenTimeMs = lastClosedOpenTimeMs(time.ok ? time.value : startedAtMs);
  const symbols = symbolsOfShard(stage.symbols, { shard, shardCount });
  const signals: Signal[] = [];
  const unwritten: { symbol: string; message: string }[] = [];
  let written = 0;
  for (const symbol of time.ok ? symbols : []) {
    const signal = decide(stage, symbol, barOpenTimeMs);
    if (signal === undefined) continue;
    try {
      if ((await store.put({ ...signal, codeVersion: environment.codeVersion })) === 'written') written++;
      signals.push(signal);
    } catch (error) {
      unwritten.push({ symbol, message: messageOf(error) });
    }
  }
  const actions = { SELL: 0, HOLD: 0, BUY: 0 };
  for (const { action } of signals) actions[action]++;
  const run = runOf(barOpenTimeMs, {
    ...{ shard, shardCount, startedAtMs, codeVersion: environment.codeVersion, symbols: symbols.length },
    ...{
      featureSetHash: FEATURE_SET_HASH,
      written,
      alreadyDecided: signals.length - written,
      actions,
      unwritten,
    },
    abstentions: [],
  });
  await store.putRun(run);
  return { run, signals } as InferOutcome;
}

/** undefined where the market has no such bar. */
function decide(stage: Stage, symbol: string, barOpenTimeMs: number): Signal | undefined {
  const series = stage.market.candles(symbol);
  const index = (barOpenTimeMs - series.openTimeMs[0]!) / (series.openTimeMs[1]! - series.openTimeMs[0]!);
  if (!(index >= 0 && index < series.length)) return undefined;
  const { close } = candleAt(series, index);
  const draw = stage.faults.drawAt(`signal ${symbol} ${barOpenTimeMs}`);
  const acts = draw() < ACTING_SHARE;
  const action = acts ? (draw() < 0.5 ? 'BUY' : 'SELL') : 'HOLD';
  const edge = { expectedEdgeBps: 10 + Math.round(draw() * 40), close, atr: close * 0.004 };
  return signalOf('BTCUSDT', action, {
    ...{ symbol, barOpenTimeMs, ...edge, stopPrice: action === 'HOLD' ? null : close },
  });
}
