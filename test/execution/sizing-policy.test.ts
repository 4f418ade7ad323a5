// A policy can only make an entry smaller, and where it gives no share nothing is entered; what reduces exposure never waits for it.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { failure, success } from '../../lib/core/result.ts';
import { HOUR_MS, MINUTE_MS } from '../../lib/core/units.ts';
import { sizeEntry } from '../../lib/execution/sizing.ts';
import { openSizing } from '../../lib/execution/use-cases/entry-share.ts';
import { executionRecords } from '../../lib/execution/use-cases/execution-records.ts';
import type { Signal } from '../../lib/inference/signal.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { ensembleKey } from '../../lib/models/ensemble.ts';
import type { NamedPolicy } from '../../lib/models/sizing-policy.ts';
import type { SizingPolicies } from '../../lib/models/use-cases/sizing-policies.ts';
import { planBreakerWrite } from '../../lib/risk/gate.ts';
import type { TradeRecord } from '../../lib/risk/records.ts';
import { POLICY_FAULTS, type PolicyPlan, writePolicy } from '../support/models/build-policy.ts';
import { goodDay, memoryStores, NOW_MS } from '../support/trading/paper-day.ts';
import { BAR, requestOf, signalOf, TradingWorld } from '../support/trading/trading-world.ts';

async function name(world: TradingWorld, sizingPolicy: NamedPolicy): Promise<void> {
  const [stored] = await world.objects.list('ensembles/e');
  const ensemble = JSON.parse(Buffer.from((await world.objects.get(stored!.key))!.body).toString());
  await world.objects.put(
    ensembleKey(ensemble.id),
    Buffer.from(JSON.stringify({ ...ensemble, sizingPolicy })),
  );
}

/** A day's high of as much as there is, so that the drawdown is known. */
async function setHighWater(world: TradingWorld, highWaterMicroUsdt: number | null): Promise<void> {
  const { breaker } = await world.gate();
  const current = { ...breaker, revision: breaker.revision + 1, highWaterMicroUsdt };
  await world.risk.commit('paper', planBreakerWrite({ previous: breaker, current, lease: undefined }));
}

async function worldWith(plan: PolicyPlan | undefined, ...signals: readonly Signal[]) {
  const world = await TradingWorld.open(...signals);
  await setHighWater(world, 20_000_000_000);
  const named = plan && (await writePolicy(world.objects, plan));
  if (named !== undefined) await name(world, named);
  return { world, named: named! };
}

const entered = async (world: TradingWorld) => {
  const { decisions } = await world.execute();
  const { exposureMicroUsdt } = await world.gate();
  return { outcomes: decisions.flatMap(({ outcomes }) => outcomes), exposureMicroUsdt, decisions };
};

describe('execute', () => {
  it('enters as much of the full size as the policy says', async () => {
    const full = await entered((await worldWith(undefined, signalOf('BTCUSDT', 'BUY'))).world);
    const half = await entered(
      (await worldWith({ weights: { spread_bps: -1 }, bias: 2 }, signalOf('BTCUSDT', 'BUY'))).world,
    );
    expect([full.outcomes, half.outcomes]).toEqual([['entered'], ['entered']]);
    expect(half.exposureMicroUsdt / full.exposureMicroUsdt).toBeGreaterThan(0.45);
    expect(half.exposureMicroUsdt).toBeLessThanOrEqual(full.exposureMicroUsdt / 2);
  });

  it('enters nothing where so little of it is less than the exchange takes', async () => {
    const { world } = await worldWith({ bias: -9 }, signalOf('BTCUSDT', 'BUY'));
    const { outcomes, exposureMicroUsdt } = await entered(world);
    expect(['symbol_filters', 'min_notional']).toContain(outcomes[0]);
    expect(exposureMicroUsdt).toBe(0);
  });

  it('reads the state of the moment: drawdown, and what the first entry took', async () => {
    const plan = { weights: { exposure_used: -20, drawdown: -1 }, bias: 3 };
    const signals = [signalOf('BTCUSDT', 'BUY', { expectedEdgeBps: 40 }), signalOf('ETHUSDT', 'BUY')];
    const { world } = await worldWith(plan, ...signals);
    await world.execute();
    const { reserved } = await world.gate();
    const [first, second] = ['BTCUSDT', 'ETHUSDT'].map((symbol) => reserved[symbol]!.notionalMicroUsdt);
    expect(second! / first!).toBeLessThan(0.95);
  });

  it.each(POLICY_FAULTS)('denies every entry when $fault', async ({ reason, plan = {}, spoil }) => {
    const { world, named } = await worldWith(plan, signalOf('BTCUSDT', 'BUY'), signalOf('ETHUSDT', 'SELL'));
    await spoil?.(world.objects, named);
    const { outcomes, exposureMicroUsdt, decisions } = await entered(world);
    expect(outcomes).toEqual(['policy_unavailable', 'policy_unavailable']);
    expect(decisions[0]!.message).toContain(reason);
    expect(exposureMicroUsdt).toBe(0);
  });

  it.each([
    ['a share above 1', { shape: 'relu', weights: { spread_bps: 1 } }],
    ['no number', { shape: 'divided' }],
  ] as const)('denies an entry to which it answers %s', async (_, plan) => {
    const { world } = await worldWith(plan, signalOf('BTCUSDT', 'BUY', { spreadBps: 3 }));
    // No drawdown.
    await setHighWater(world, 1);
    const { outcomes, exposureMicroUsdt } = await entered(world);
    expect([outcomes, exposureMicroUsdt]).toEqual([['policy_unavailable'], 0]);
  });

  it('denies entries while the drawdown is not known', async () => {
    const { world } = await worldWith({}, signalOf('BTCUSDT', 'BUY'));
    await setHighWater(world, null);
    const { outcomes, decisions } = await entered(world);
    expect(outcomes).toEqual(['policy_unavailable']);
    expect(decisions[0]!.message).toContain('drawdown');
  });

  it('closes a position that a signal is against without it', async () => {
    const { world, named } = await worldWith({}, signalOf('BTCUSDT', 'BUY'));
    expect((await entered(world)).outcomes).toEqual(['entered']);
    await world.objects.remove(`policies/${named.name}/${named.version}/model.onnx`);
    for (let minute = 0; minute < BAR_MS / MINUTE_MS; minute++) await world.minute();
    const barOpenTimeMs = BAR + BAR_MS;
    await world.signals.put(signalOf('BTCUSDT', 'SELL', { barOpenTimeMs }));
    const { decisions } = await world.execute(requestOf({ barOpenTimeMs }));
    expect(decisions.map(({ outcomes }) => outcomes)).toEqual([['exited']]);
  });
});

describe('the sizing of a run', () => {
  /** Of trades that ended so long ago, for these reasons. */
  async function opened(of: SizingPolicies['of'], trades: readonly [number, TradeRecord['reason']][] = []) {
    const { risk } = memoryStores();
    const { trades: records } = executionRecords(risk);
    for (const [agoMs, reason] of trades) {
      const trade = { ...goodDay().trades[0]!, reason, closedAtMs: NOW_MS - agoMs };
      await records.add('paper', { ...trade, entryClientOrderId: `e${agoMs}` });
    }
    const open = () =>
      openSizing(
        { risk, policies: { of, close: async () => undefined } },
        { sizingPolicy: null },
        {
          ...{ scope: 'paper', nowMs: NOW_MS },
        },
      );
    return { risk, open };
  }
  const policy = () => {
    const uses = { released: 0 };
    const release = async () => void uses.released++;
    return { uses, policy: { shareOf: async () => success(0.5), release } };
  };

  it('counts the stops that were hit within six hours, and no other trade', async () => {
    const { policy: named, uses } = policy();
    const { open } = await opened(
      async () => success(named),
      [
        [0, 'stop'],
        [1, 'horizon'],
        [6 * HOUR_MS, 'stop'],
        [6 * HOUR_MS + 1, 'stop'],
      ],
    );
    expect(await open()).toEqual({ policy: success(named), stopHits: 2 });
    expect(uses.released).toBe(0);
  });

  it('asks for no trades where no policy is named or none can be used', async () => {
    const problem = { reason: 'model_missing', message: 'gone' } as const;
    for (const [answer, expected] of [
      [success(undefined), success(undefined)],
      [failure(problem), failure('model_missing: gone')],
    ] as const) {
      const { risk, open } = await opened(async () => answer);
      risk.list = () => Promise.reject(new Error('no answer'));
      expect(await open()).toEqual({ policy: expected, stopHits: 0 });
    }
  });

  it('frees the policy when the trades cannot be read', async () => {
    const { policy: named, uses } = policy();
    const { risk, open } = await opened(async () => success(named));
    risk.list = () => Promise.reject(new Error('no answer'));
    await expect(open()).rejects.toThrow('no answer');
    expect(uses.released).toBe(1);
  });
});

const request = {
  allocatedMicroUsdt: fc.integer({ min: 0, max: 1e13 }),
  volatilityPerBar: fc.double({ min: 1e-6, max: 0.1, noNaN: true }),
  targetDailyVolatility: fc.double({ min: 0, max: 0.05, noNaN: true }),
  positionFractionMax: fc.double({ min: 0, max: 1, noNaN: true }),
  exposureMicroUsdtMax: fc.integer({ min: 0, max: 1e13 }),
  exposureMicroUsdt: fc.integer({ min: 0, max: 1e13 }),
};

test('whatever the limits, no share makes an entry larger than the full size, and a smaller share none larger', () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  const notional = (size: ReturnType<typeof sizeEntry>) => (size.ok ? size.value : 0);
  fc.assert(
    fc.property(fc.record(request), share, share, (given, a, b) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)];
      const full = notional(sizeEntry({ ...given, policy: 1 }));
      const [small, large] = [low, high].map((policy) => notional(sizeEntry({ ...given, policy })));
      expect(small).toBeLessThanOrEqual(large!);
      expect(large).toBeLessThanOrEqual(full);
      expect(large).toBeLessThanOrEqual(given.allocatedMicroUsdt * high);
    }),
  );
});
