// From the signals of a bar to orders: what keeps all of them from acting, exits before entries, the largest expected edge first, and
// the report that tells it.
import { describe, expect, it } from 'vitest';
import { failure, success } from '../../../lib/core/result.ts';
import { TRADING_LIMITS } from '../../../lib/execution/limits.ts';
import type { Broker, BrokerPosition } from '../../../lib/execution/ports.ts';
import { FULL_SIZE } from '../../../lib/execution/use-cases/enter-position.ts';
import { type ExecuteDependencies, execute } from '../../../lib/execution/use-cases/execute.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { changePosition } from '../../../lib/execution/use-cases/positions/reduce-position.ts';
import type { Signal } from '../../../lib/inference/signal.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { planBreakerWrite } from '../../../lib/risk/gate.ts';
import { allValues } from '../../../lib/risk/use-cases/typed-records.ts';
import {
  BAR,
  ENSEMBLE_ID,
  ensemble,
  putEnsemble,
  requestOf,
  signalOf,
  TradingWorld,
} from '../../support/trading/trading-world.ts';

const error = { code: 'unavailable', message: '503', retryable: true } as const;

/** Acts on the request, with a part of what it needs changed; which scopes were opened. */
async function act(
  world: TradingWorld,
  over: Partial<ExecuteDependencies> = {},
  request: Parameters<typeof requestOf>[0] = {},
) {
  const opened: string[] = [];
  const report = await execute(
    {
      ...{ signals: world.signals, objects: world.objects, flags: world.flags, risk: world.risk },
      ...{ clock: world.clock, policy: FULL_SIZE, policies: world.policies, codeVersion: 'v1' },
      brokerOf: (scope) => {
        opened.push(scope);
        return world.exchange.broker;
      },
      stopwatchMs: () => world.stopwatchMs(),
      ...over,
    },
    requestOf(request),
  );
  return { report, opened };
}
const outcomesOf = ({ report }: Awaited<ReturnType<typeof act>>) =>
  report.decisions.map(({ symbol, outcomes, message }) => [symbol, ...outcomes, message]);
const reportsOf = async ({ risk }: TradingWorld) =>
  allValues(await executionRecords(risk).executeReports.since('paper', 0));

describe('the report of a run', () => {
  it('tells what was found and done, and is kept', async () => {
    const world = await TradingWorld.open(signalOf('BTCUSDT', 'BUY'), signalOf('ETHUSDT', 'HOLD'));
    const { report, opened } = await act(world, {}, { symbols: ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'] });
    expect(report).toEqual({
      ...{ barOpenTimeMs: BAR, shard: 0, shardCount: 1, atMs: world.nowMs, scope: 'paper', mode: 'PAPER' },
      reasons: [{ code: 'paper_trading', message: 'QT_PAPER_TRADING is true' }],
      ...{ versionDifferences: [], missingSignals: ['SOLUSDT'], held: 1 },
      decisions: [{ symbol: 'BTCUSDT', action: 'BUY', outcomes: ['entered'], message: '' }],
    });
    expect(opened).toEqual(['paper']);
    expect(await reportsOf(world)).toEqual([report]);
  });

  it('of a repetition does not take the place of the first', async () => {
    const world = await TradingWorld.open(signalOf('BTCUSDT', 'BUY'));
    const { report } = await act(world);
    world.nowMs += 1_000;
    const again = await act(world);
    expect(again.report).not.toEqual(report);
    expect(await reportsOf(world)).toEqual([report]);
    expect(world.exchange.entries()).toHaveLength(1);
  });

  it('says whose code is another, whether or not there is anything to do', async () => {
    const world = await TradingWorld.open(
      signalOf('BTCUSDT', 'HOLD', { codeVersion: 'v0' }),
      signalOf('ETHUSDT', 'HOLD', { codeVersion: 'v1' }),
    );
    expect((await act(world)).report.versionDifferences).toEqual(['infer runs v0, not v1']);
    const other = await TradingWorld.open(signalOf('ETHUSDT', 'HOLD', { codeVersion: 'v2' }));
    const { report } = await act(other, { codeVersion: 'v2' });
    expect(report.versionDifferences).toEqual([
      'manage-positions runs v1, not v2',
      'circuit-breaker runs v1, not v2',
    ]);
  });

  it('says nothing of what has left no record', async () => {
    const world = await TradingWorld.open();
    const { list } = world.risk;
    world.risk.readGate = async () => undefined;
    world.risk.list = ((...given: Parameters<typeof list>) =>
      given[0].prefix.startsWith('equity')
        ? Promise.resolve({ records: [], problems: [] })
        : list(...given)) as typeof list;
    expect((await act(world, { codeVersion: 'v2' })).report.versionDifferences).toEqual([]);
  });
});

describe('a run', () => {
  it('in which nothing may be done does nothing, and opens no account', async () => {
    const world = await TradingWorld.open(signalOf('BTCUSDT', 'BUY'));
    world.setFlag('EMERGENCY_MODE', 'true');
    const { report, opened } = await act(world);
    expect(report).toMatchObject({ mode: 'OFF', decisions: [], held: 0 });
    expect(opened).toEqual([]);
    expect(await reportsOf(world)).toEqual([report]);
  });

  it('without a signal that acts opens no account, and asks for no ensemble', async () => {
    const world = await TradingWorld.open(signalOf('BTCUSDT', 'HOLD'));
    let asked = 0;
    const get: typeof world.objects.get = (key) => {
      asked++;
      return world.objects.get(key);
    };
    const { report, opened } = await act(world, { objects: { ...world.objects, get } });
    expect(report).toMatchObject({ held: 1, decisions: [] });
    expect(opened).toEqual([]);
    expect(asked).toBe(0);
  });

  it.each([
    [null, 20, 30],
    [null, 30, 20],
    [20, null, 30],
    [20, 30, null],
    [30, null, 20],
    [30, 20, null],
  ])('enters the largest expected edge first, and what has none last: of %s, %s and %s', async (...edges) => {
    const symbols = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'] as const;
    const world = await TradingWorld.open(
      ...symbols.map((symbol, index) => signalOf(symbol, 'BUY', { expectedEdgeBps: edges[index]! })),
    );
    const { report } = await act(world);
    const order = report.decisions.map(({ symbol }) => edges[(symbols as readonly string[]).indexOf(symbol)]);
    expect(order).toEqual([30, 20, null]);
  });

  it.each<[string, (world: TradingWorld) => unknown, Parameters<typeof requestOf>[0], string, string]>([
    [
      'the event names other features',
      () => undefined,
      { featureSetHash: 'ab' },
      'feature_set_mismatch',
      'the event says ab',
    ],
    [
      'the event names another ensemble',
      () => undefined,
      { ensembleId: 'e20200101_000000' },
      'ensemble_mismatch',
      `${ENSEMBLE_ID} is active`,
    ],
    [
      'the active ensemble cannot be read',
      (world) => world.objects.put('models/active-ensemble.json', Buffer.from('{}')),
      {},
      'ensemble_unavailable',
      '',
    ],
  ])(
    'lets no signal act where %s, and opens no account',
    async (_name, prepare, request, outcome, message) => {
      const world = await TradingWorld.open(signalOf('BTCUSDT', 'BUY'), signalOf('ETHUSDT', 'SELL'));
      await prepare(world);
      if (outcome === 'ensemble_unavailable')
        for (const key of await keysOf(world)) await world.objects.put(key, Buffer.from('garbage'));
      const done = await act(world, {}, request);
      expect(done.opened).toEqual([]);
      expect(done.report.decisions.map(({ symbol, outcomes }) => [symbol, ...outcomes]).sort()).toEqual([
        ['BTCUSDT', outcome],
        ['ETHUSDT', outcome],
      ]);
      if (message !== '') expect(done.report.decisions[0]?.message).toBe(message);
      else expect(done.report.decisions[0]?.message).not.toBe('');
    },
  );

  /** What the ensemble is read from. */
  async function keysOf(world: TradingWorld): Promise<readonly string[]> {
    const keys: string[] = [];
    const { get } = world.objects;
    const objects = {
      ...world.objects,
      get: (key: string) => {
        keys.push(key);
        return get(key);
      },
    };
    await act(world, { objects });
    return keys;
  }

  it.each<[string, Partial<Broker>]>([
    ['filters', { filters: async () => failure(error) }],
    ['prices', { prices: async () => failure(error) }],
  ])('lets no signal act while the exchange does not say its %s', async (_name, over) => {
    const world = await TradingWorld.open(signalOf('BTCUSDT', 'BUY'));
    Object.assign(world.exchange.broker, over);
    expect(outcomesOf(await act(world))).toEqual([['BTCUSDT', 'exchange_unavailable', '503']]);
    expect(world.exchange.sent).toEqual([]);
  });

  it('asks for the prices of all signals that act at once', async () => {
    const world = await TradingWorld.open(
      signalOf('BTCUSDT', 'BUY'),
      signalOf('ETHUSDT', 'BUY'),
      signalOf('SOLUSDT', 'HOLD'),
    );
    const asked: string[][] = [];
    const { prices } = world.exchange.broker;
    world.exchange.broker.prices = (symbols) => {
      asked.push([...symbols].sort());
      return prices(symbols);
    };
    await act(world);
    expect(asked[0]).toEqual(['BTCUSDT', 'ETHUSDT']);
  });

  it('enters nothing by an equity older than 150 seconds', async () => {
    const enter = async (ageMs: number) => {
      const world = await TradingWorld.open(signalOf('BTCUSDT', 'BUY', { barOpenTimeMs: BAR }));
      world.nowMs += ageMs;
      await world.renewLease();
      return outcomesOf(await act(world, { limits: { ...TRADING_LIMITS, signalAgeMsMax: 1e9 } }));
    };
    expect(await enter(150_000)).toEqual([['BTCUSDT', 'entered', '']]);
    expect(await enter(150_001)).toEqual([['BTCUSDT', 'equity_unknown', expect.any(String)]]);
  });

  it('enters nothing without any equity on record', async () => {
    const world = await TradingWorld.open(signalOf('BTCUSDT', 'BUY'));
    const { list } = world.risk;
    world.risk.list = ((...given: Parameters<typeof list>) =>
      given[0].prefix.startsWith('equity')
        ? Promise.resolve({ records: [], problems: [] })
        : list(...given)) as typeof list;
    expect(outcomesOf(await act(world))).toEqual([['BTCUSDT', 'equity_unknown', expect.any(String)]]);
  });

  it('goes by the limits of trading unless others are given', async () => {
    const world = await TradingWorld.open(signalOf('BTCUSDT', 'BUY'));
    world.nowMs += TRADING_LIMITS.signalAgeMsMax;
    await world.renewLease();
    expect(outcomesOf(await act(world))).toEqual([['BTCUSDT', 'signal_stale', '']]);
    expect(outcomesOf(await act(world, { limits: { ...TRADING_LIMITS, signalAgeMsMax: 0 } }))).toEqual([
      ['BTCUSDT', 'signal_stale', ''],
    ]);
  });

  it('enters nothing where the brackets cannot be read', async () => {
    const world = await TradingWorld.open(signalOf('BTCUSDT', 'BUY'));
    world.exchange.bracketsAreUnreadable = true;
    const [decision] = outcomesOf(await act(world));
    expect(decision?.[1]).not.toBe('entered');
    expect(world.exchange.sent).toEqual([]);
  });

  it('releases the policy that entries are sized by, whether or not it could be used', async () => {
    const released = async (entering: Partial<ExecuteDependencies>) => {
      const world = await TradingWorld.open(signalOf('BTCUSDT', 'BUY'));
      const { breaker } = await world.gate();
      const current = { ...breaker, revision: breaker.revision + 1, highWaterMicroUsdt: 20_000_000_000 };
      await world.risk.commit('paper', planBreakerWrite({ previous: breaker, current, lease: undefined }));
      let count = 0;
      const policies: ExecuteDependencies['policies'] = {
        of: async () =>
          success({
            shareOf: async () => success(0.5),
            release: async () => {
              count++;
            },
          } as never),
      } as never;
      const acted = act(world, { policies, ...entering });
      await acted.catch(() => undefined);
      return { count, sent: world.exchange.entries().map(({ quantity }) => quantity) };
    };
    expect(await released({})).toEqual({ count: 1, sent: [0.007] });
    const stopwatchMs = () => {
      throw new Error('broken');
    };
    expect(await released({ stopwatchMs })).toEqual({ count: 1, sent: [] });
  });

  it('enters nothing where the policy cannot be used, and has none to release', async () => {
    const world = await TradingWorld.open(signalOf('BTCUSDT', 'BUY'));
    const policies = {
      of: async () => failure({ reason: 'onnx_missing', message: 'not there' }),
    } as never as ExecuteDependencies['policies'];
    const [decision] = outcomesOf(await act(world, { policies }));
    expect(decision?.[1]).toBe('policy_unavailable');
  });

  it('is repeated where a position on record cannot be read', async () => {
    const world = await TradingWorld.open(signalOf('BTCUSDT', 'BUY'));
    await world.risk.put('paper', 'position#ETHUSDT', { symbol: 'ETHUSDT' }, { ifAbsent: true });
    await expect(act(world)).rejects.toThrow('position#ETHUSDT');
    expect(world.exchange.sent).toEqual([]);
    expect(await reportsOf(world)).toEqual([]);
  });
});

describe('a signal against an open position', () => {
  /** A long position of Bitcoin, one bar later, with these signals. */
  async function held(
    ...signals: readonly (readonly [
      symbol: 'BTCUSDT' | 'ETHUSDT' | 'SOLUSDT',
      action: Signal['action'],
      over?: Partial<Signal>,
    ])[]
  ) {
    const world = await TradingWorld.open(signalOf('BTCUSDT', 'BUY'));
    await world.execute();
    await world.minutes(5);
    const barOpenTimeMs = BAR + BAR_MS;
    for (const [symbol, action, over] of signals)
      await world.signals.put(signalOf(symbol, action, { barOpenTimeMs, ...over }));
    const { exchange, risk } = world;
    const { positions, orders } = executionRecords(risk);
    const current = async () => (await positions.get('paper', 'BTCUSDT'))!;
    const leave = () => act(world, {}, { barOpenTimeMs });
    return { world, exchange, orders, current, leave };
  }
  const against = () => held(['BTCUSDT', 'SELL']);

  it('closes it, as large as it is held', async () => {
    const { exchange, leave, orders, current } = await against();
    exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.002 });
    expect(outcomesOf(await leave())).toEqual([['BTCUSDT', 'exited', '']]);
    expect(exchange.held.size).toBe(0);
    expect(exchange.sent.at(-1)).toMatchObject({ kind: 'reduce', side: 'SELL', quantity: 0.016 });
    const exit = await orders.get('paper', (await current()).value.exitClientOrderId!);
    expect(exit?.value.note).toBe('signal');
  });

  it('goes before all entries, whatever they promise, and waits for nothing that only they need', async () => {
    const { exchange, leave } = await held(
      ['ETHUSDT', 'BUY', { expectedEdgeBps: 99 }],
      ['BTCUSDT', 'SELL', { expectedEdgeBps: 1 }],
    );
    const { report } = await leave();
    expect(report.decisions.map(({ symbol, outcomes }) => [symbol, ...outcomes])).toEqual([
      ['BTCUSDT', 'exited'],
      ['ETHUSDT', 'entered'],
    ]);
    // Asked for after the exit was sent, and for the entry alone.
    expect(exchange.bracketsAsked.at(-1)).toEqual({ symbols: ['ETHUSDT'], sentBefore: 3 });
  });

  it('alone asks for nothing that entries need', async () => {
    const { exchange, leave } = await against();
    const before = exchange.bracketsAsked.length;
    await leave();
    expect(exchange.bracketsAsked).toHaveLength(before);
  });

  it('is none on its own side, which enters nothing a second time', async () => {
    const { exchange, leave } = await held(['BTCUSDT', 'BUY']);
    const [decision] = outcomesOf(await leave());
    expect(decision?.[1]).toBe('position_open');
    expect(exchange.held.size).toBe(1);
    expect(exchange.sent).toHaveLength(2);
  });

  it('closes nothing where it is of another ensemble than the active one, or too old', async () => {
    const other = await held(['BTCUSDT', 'SELL', { ensembleId: 'e20200101_000000' }]);
    expect(outcomesOf(await other.leave())).toEqual([['BTCUSDT', 'ensemble_mismatch', '']]);
    expect(other.exchange.held.size).toBe(1);
    const late = await against();
    late.world.nowMs += TRADING_LIMITS.signalAgeMsMax;
    expect(outcomesOf(await late.leave())).toEqual([['BTCUSDT', 'signal_stale', '']]);
  });

  it('leaves to the position manager what has lost the record of its entry', async () => {
    const { leave, orders, current, exchange } = await against();
    const { entryClientOrderId } = (await current()).value;
    await orders.remove('paper', (await orders.get('paper', entryClientOrderId))!);
    expect(outcomesOf(await leave())).toEqual([
      ['BTCUSDT', 'exit_pending', 'the entry has no record: the position manager closes it'],
    ]);
    expect(exchange.sent).toHaveLength(2);
  });

  it('sends nothing while nobody can say what is held', async () => {
    const { leave, exchange } = await against();
    exchange.broker.positions = async () => failure(error);
    expect(outcomesOf(await leave())).toEqual([['BTCUSDT', 'exchange_unavailable', '503']]);
    expect(exchange.sent).toHaveLength(2);
  });

  const show = async (rows: readonly BrokerPosition[]) => {
    const one = await against();
    one.exchange.broker.positions = async () => success({ rows, problems: [] });
    return { outcomes: outcomesOf(await one.leave()), sent: one.exchange.sent.slice(2) };
  };
  const row: BrokerPosition = { symbol: 'BTCUSDT', quantity: 1, entryPrice: 1, markPrice: 1 };

  it('sends nothing where nothing of it is held any more', async () => {
    const gone = ['BTCUSDT', 'exit_pending', 'nothing is held any more: the position manager closes it'];
    expect(await show([])).toEqual({ outcomes: [gone], sent: [] });
    expect(await show([{ ...row, symbol: 'ETHUSDT' }])).toEqual({ outcomes: [gone], sent: [] });
  });

  it('sends nothing where the other side is held', async () => {
    expect(await show([{ ...row, quantity: -1 }])).toEqual({
      ...{ sent: [] },
      outcomes: [
        ['BTCUSDT', 'exit_pending', 'what is held is not what was opened: the position manager ends it'],
      ],
    });
  });

  it('closes a short one too', async () => {
    const world = await TradingWorld.open(
      signalOf('BTCUSDT', 'SELL', { probabilities: { sell: 0.7, hold: 0.2, buy: 0.1 } }),
    );
    await world.execute();
    expect(world.exchange.held.get('BTCUSDT')).toBeLessThan(0);
    await world.minutes(5);
    const barOpenTimeMs = BAR + BAR_MS;
    await world.signals.put(signalOf('BTCUSDT', 'BUY', { barOpenTimeMs }));
    expect(outcomesOf(await act(world, {}, { barOpenTimeMs }))).toEqual([['BTCUSDT', 'exited', '']]);
    expect(world.exchange.held.size).toBe(0);
  });

  it.each([
    ['reject', 'exit_rejected', 'refused'],
    ['lost', 'exit_unknown', 'no answer'],
    ['unsent', 'exit_unsent', 'no room in the request limit'],
  ] as const)('whose exit is answered by %s tells so', async (answer, outcome, message) => {
    const { leave, exchange } = await against();
    exchange.answer = () => answer;
    expect(outcomesOf(await leave())).toEqual([['BTCUSDT', outcome, message]]);
  });

  it('sends no second exit while one is under way, or another process changes the position', async () => {
    const under = await against();
    under.exchange.answer = () => 'later';
    await under.leave();
    const again = await act(under.world, {}, { barOpenTimeMs: BAR + BAR_MS });
    expect(outcomesOf(again)).toEqual([['BTCUSDT', 'exit_pending', '']]);
    expect(under.exchange.sent).toHaveLength(3);
    const { leave, exchange, current, world } = await against();
    const { positions } = exchange.broker;
    exchange.broker.positions = async () => {
      const context = { risk: world.risk, broker: exchange.broker, clock: world.clock };
      await changePosition(context, await current(), { exitDueMs: 7 });
      return positions();
    };
    expect(outcomesOf(await leave())).toEqual([['BTCUSDT', 'exit_pending', '']]);
    expect(exchange.sent).toHaveLength(2);
  });
});

describe('the ensemble of a run', () => {
  it('gives its entries their horizon', async () => {
    const world = await TradingWorld.open(signalOf('BTCUSDT', 'BUY'));
    await putEnsemble(world.objects, { ...ensemble, holdBars: 7 } as typeof ensemble);
    await act(world);
    const { positions } = executionRecords(world.risk);
    expect((await positions.get('paper', 'BTCUSDT'))?.value.exitDueMs).toBe(BAR + 8 * BAR_MS);
  });
});
