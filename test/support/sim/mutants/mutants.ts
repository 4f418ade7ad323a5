// Ways of breaking the product, each a mistake that somebody could make. The simulation has to notice every one of them, in a run that
// is kept beside it: some hours of the faults that bring it to light.
import type { Mutation } from '../run/bundle.ts';
import type { AskedRun } from '../run/process-protocol.ts';

export interface SimMutant {
  readonly name: string;
  readonly mutations: readonly Mutation[];
  /** In which it is noticed, and the product itself is not. */
  readonly run: AskedRun;
}

const GATE = 'lib/risk/gate.ts';
const MODE = 'lib/risk/effective-mode.ts';
const ENTER = 'lib/execution/use-cases/enter-position.ts';
const SEND = 'lib/execution/use-cases/send-order.ts';
const BOOK = 'lib/execution/use-cases/book-account.ts';
const PROTECT = 'lib/execution/plan-protection.ts';
const MANAGE = 'lib/execution/use-cases/manage-positions.ts';
const RUNS = 'lib/execution/use-cases/positions/record-run.ts';
const TRANSITION = 'lib/risk/breaker/transition.ts';
const TRADING = 'lib/risk/breaker/trading-conditions.ts';
const BREAKER = 'lib/risk/use-cases/circuit-breaker.ts';
const GRID = 'lib/market/grid.ts';
const LOAD = 'lib/models/use-cases/load-model.ts';

const LEASE_CONDITION =
  "{ path: ['leaseUntilMs'], between: [earliestMs, latestMs], denial: 'lease_not_active' },";
const NO_RECENT =
  "if (which === 'recent' && last !== undefined && ageMs >= 0 && ageMs <= SHARED_MS) return last;";

/** Whole hours, so that nothing has been closed just before the end. */
const hours = (count: number) => count / 24;

export const SIM_MUTANTS: readonly SimMutant[] = [
  {
    name: 'the lease is not looked at',
    run: { seed: 1, days: hours(7), groups: ['events'], weather: 'storm' },
    mutations: [
      { file: GATE, from: LEASE_CONDITION, to: '' },
      { file: MODE, from: '    ...leaseReasons(lease, nowMs),\n', to: '' },
    ],
  },
  {
    name: 'flags are kept from run to run',
    run: { seed: 1, days: hours(5), groups: ['people'], drills: ['hasty_flags'] },
    mutations: [
      {
        file: 'lib/risk/use-cases/recent-flags.ts',
        from: 'export function recentFlags(flags: FlagStore, clock: Clock): FlagReader {\n  let last: FlagsRead | undefined;',
        to: 'let last: FlagsRead | undefined;\nexport function recentFlags(flags: FlagStore, clock: Clock): FlagReader {',
      },
      {
        file: 'lib/risk/use-cases/recent-flags.ts',
        from: NO_RECENT,
        to: 'if (last !== undefined && ageMs < 300_000) return { ...last, readAtMs: clock.nowMs() };',
      },
    ],
  },
  {
    name: 'an order whose outcome is unknown is sent again',
    run: { seed: 1, days: hours(5), groups: ['network'], weather: 'bad' },
    mutations: [
      {
        file: SEND,
        from: '  const submission = await broker.submit(approved, options);',
        to: "  let submission = await broker.submit(approved, options);\n  if (submission.outcome === 'unknown') submission = await broker.submit(approved, options);",
      },
    ],
  },
  {
    name: 'a decision may be authorised twice, and written down twice',
    run: { seed: 1, days: hours(2), groups: ['events'], weather: 'storm' },
    mutations: [
      {
        file: GATE,
        from: "{ path: ['authorised', clientOrderId], absent: true, denial: 'duplicate' },",
        to: '',
      },
      {
        file: GATE,
        from: "{ path: ['reserved', symbol], absent: true, denial: 'symbol_reserved' },",
        to: '',
      },
      {
        file: SEND,
        from: "if (written === 'conflict') return { outcome: 'already_submitted' };",
        to: 'void written;',
      },
      {
        file: ENTER,
        from: "if (position !== undefined) return failure(outcome('position_open'));",
        to: 'void position;',
      },
      {
        file: 'lib/execution/plan-entry.ts',
        from: "if (account.reservedSymbols.has(signal.symbol)) denials.push('position_open');",
        to: '',
      },
    ],
  },
  {
    name: 'the number of positions is not limited',
    run: { seed: 1, days: hours(2), groups: ['people'], drills: ['hasty_flags'] },
    mutations: [
      { file: GATE, from: 'between: [0, limits.positions - 1]', to: 'between: [0, 1_000]' },
      {
        file: 'lib/execution/plan-entry.ts',
        from: 'if (!(account.positionCount < account.positions))',
        to: 'if (!(account.positionCount < 100))',
      },
    ],
  },
  {
    name: 'the reservation is given back while the order flies',
    run: { seed: 1, days: hours(12), groups: ['network', 'answers'] },
    mutations: [
      {
        file: ENTER,
        from: "      return outcome('entry_unknown', sent.message);",
        to: "      await context.risk.commit(context.broker.scope, planRelease(order));\n      return outcome('entry_unknown', sent.message);",
      },
    ],
  },
  {
    name: 'a signal may be of any age',
    run: { seed: 1, days: hours(3), groups: ['events'], weather: 'storm', drills: ['late_successes'] },
    mutations: [
      {
        file: ENTER,
        from: "return ageMs <= limits.signalAgeMsMax ? undefined : 'signal_stale';",
        to: 'return void ageMs;',
      },
      {
        file: 'lib/execution/plan-entry.ts',
        from: 'ageMs <= limits.signalAgeMsMax',
        to: 'ageMs <= 100 * limits.signalAgeMsMax',
      },
    ],
  },
  {
    name: 'an approval has no end',
    run: {
      seed: 1,
      days: hours(3),
      groups: ['process', 'people'],
      weather: 'storm',
      drills: ['hasty_flags'],
    },
    mutations: [
      {
        file: ENTER,
        from: 'const stillWanted = () => session.stopwatchMs() - askedAtMs <= SEND_WINDOW_MS;',
        to: 'const stillWanted = () => session.stopwatchMs() >= askedAtMs;',
      },
      {
        file: SEND,
        from: 'if (clock.nowMs() - record.createdAtMs > SEND_MS_MAX) {',
        to: 'if (clock.nowMs() < 0) {',
      },
      { file: ENTER, from: '  if (withdrawn !== undefined) {', to: '  if (withdrawn === "never") {' },
    ],
  },
  {
    name: 'positions are booked and not protected',
    run: { seed: 1, days: hours(3), groups: ['network', 'process'], weather: 'storm' },
    mutations: [
      {
        file: MANAGE,
        from: '    if (externalPositions.has(symbol) && !adoptable.has(symbol)) continue;',
        to: '    continue;',
      },
    ],
  },
  {
    name: 'the stop that stays is taken away with the others',
    run: { seed: 1, days: hours(2), groups: ['others'], weather: 'bad' },
    mutations: [
      {
        file: PROTECT,
        from: 'surplus: surplusBeside(facts, stopClientOrderId),',
        to: 'surplus: surplusBeside(facts, undefined),',
      },
    ],
  },
  {
    name: 'differences do not trip',
    run: { seed: 1, days: hours(5), groups: ['others'], weather: 'storm' },
    mutations: [
      {
        file: TRADING,
        from: "      count === 0 ? null : cause('reconciliation'",
        to: "      count < 1_000 ? null : cause('reconciliation'",
      },
    ],
  },
  {
    name: 'a silent position manager does not trip',
    run: { seed: 2, days: hours(2), groups: ['events'], weather: 'bad' },
    mutations: [
      {
        file: 'lib/risk/breaker/conditions.ts',
        from: "silentSince('position_manager_silent', atMs, limits.positionManagerSilentMs)",
        to: "silentSince('position_manager_silent', atMs, 1e12)",
      },
      {
        file: 'lib/risk/breaker/equity-conditions.ts',
        from: 'return ageMs <= context.limits.positionManagerSilentMs',
        to: 'return ageMs <= 1e12',
      },
    ],
  },
  {
    name: 'a run that could not do everything counts as done',
    run: { seed: 3, days: hours(6), groups: ['network', 'outage'], weather: 'storm' },
    mutations: [
      {
        file: RUNS,
        from: 'completedAtMs: run.isComplete ? nowMs : (known?.completedAtMs ?? null),',
        to: 'completedAtMs: nowMs,',
      },
    ],
  },
  {
    name: 'a latch opens by itself once nothing stands against it',
    run: { seed: 2, days: hours(2), groups: ['people'], drills: ['emergency_stops'] },
    mutations: [
      {
        file: TRANSITION,
        from: '  const current = tripped(state, nowMs, causes);\n',
        to: "  if (causes.length === 0) { const armed = { latch: 'ARMED' as const, revision: state.revision, epoch: state.epoch + 1, armedAtMs: nowMs, highWaterMicroUsdt: state.highWaterMicroUsdt }; return { current: armed, effects: [{ kind: 'write_state', leaseUntilMs }], refusal: undefined }; }\n  const current = tripped(state, nowMs, causes);\n",
      },
    ],
  },
  {
    name: 'one person resets alone',
    run: { seed: 2, days: hours(5), groups: ['people'], weather: 'storm' },
    mutations: [
      {
        file: TRANSITION,
        from: "if (isSamePerson(operator, request.operator)) return refused(state, 'same_operator');",
        to: 'void isSamePerson;',
      },
    ],
  },
  {
    name: 'a reset waits for no cooldown',
    run: { seed: 2, days: hours(2), groups: ['people'], drills: ['emergency_stops'] },
    mutations: [
      {
        file: TRANSITION,
        from: "if (!(nowMs - state.trippedAtMs >= limits.cooldownMs)) return refused(state, 'cooling_down');",
        to: '',
      },
    ],
  },
  {
    name: 'a reset gives a lease',
    run: { seed: 2, days: hours(2), groups: ['people'], drills: ['emergency_stops'] },
    mutations: [
      {
        file: BREAKER,
        from: 'const lease = untilMs === undefined ? undefined : { untilMs, codeVersion };',
        to: 'const lease = { untilMs: untilMs ?? clock.nowMs() + 150_000, codeVersion };',
      },
    ],
  },
  {
    name: 'a reset is written down after it has taken place',
    run: {
      seed: 2,
      days: hours(12),
      groups: ['process', 'store', 'people'],
      weather: 'storm',
      drills: ['emergency_stops'],
    },
    mutations: [
      {
        file: BREAKER,
        from: "    if (previous.latch === 'TRIPPED' && current.latch === 'ARMED')\n",
        to: '    if (false as boolean)\n',
      },
    ],
  },
  {
    name: 'trades of an order that cannot be read are booked as income of others',
    run: {
      seed: 3,
      days: hours(6),
      groups: ['store'],
      weather: 'bad',
      stress: { where: 'risk.get', times: 30 },
    },
    mutations: [
      {
        file: BOOK,
        from: 'const inDoubt = reading.hasUnreadOrders ? EVERY_SYMBOL : symbolsInDoubt',
        to: 'const inDoubt = symbolsInDoubt',
      },
      {
        file: BOOK,
        from: '  if (view.hasUnreadOrders) return { bookedLedger, differences: [], walletDifference: undefined };\n',
        to: '',
      },
    ],
  },
  {
    name: 'what is booked of an order is forgotten at once',
    run: { seed: 2, days: hours(2), groups: [] },
    mutations: [
      {
        file: 'lib/execution/ledger/booked-ledger.ts',
        from: 'const before = bookedLedger.orders[clientOrderId] ?? fills.booked ?? NOTHING_BOOKED;',
        to: 'const before = bookedLedger.orders[clientOrderId] ?? NOTHING_BOOKED;',
      },
      {
        file: BOOK,
        from: '  if (bookedQuantity < record.bookedQuantity) return record;',
        to: '  if (bookedQuantity >= 0) return record;',
      },
    ],
  },
  {
    name: 'an emergency stop leaves positions alone',
    run: { seed: 2, days: hours(2), groups: ['people'], drills: ['emergency_stops'] },
    mutations: [
      {
        file: 'lib/execution/use-cases/emergency-stop.ts',
        from: '      if (!request.keepPositions) {',
        to: '      if (request.keepPositions) {',
      },
    ],
  },
  {
    name: 'funding is not booked',
    run: { seed: 2, days: hours(9), groups: [] },
    mutations: [
      {
        file: 'lib/execution/ledger/book-income.ts',
        from: '({ id, kind, atMs }) =>\n      !known.has(id) &&',
        to: "({ id, kind, atMs }) =>\n      kind !== 'funding' &&\n      !known.has(id) &&",
      },
    ],
  },
  {
    name: 'entries are made by whatever ensemble has decided',
    run: { seed: 6, days: hours(6), groups: ['objects'], weather: 'storm' },
    mutations: [
      {
        file: 'lib/execution/use-cases/execute.ts',
        from: 'if (request.ensembleId !== id) return',
        to: 'if (id === "") return',
      },
      {
        file: ENTER,
        from: "if (signal.ensembleId !== ensemble.id) return 'ensemble_mismatch';",
        to: '',
      },
    ],
  },
  {
    name: 'a gap within the hour is filled and forgotten',
    run: { seed: 2, days: hours(4), groups: ['candles'], weather: 'storm' },
    mutations: [
      {
        file: GRID,
        from: "if (seen.bar - seen.lastFilled < RECENT_BARS) return 'gap_recent';",
        to: '',
      },
    ],
  },
  {
    name: 'a candle that has not come yet is not missed',
    run: { seed: 1, days: hours(4), groups: ['candles'], weather: 'storm' },
    mutations: [
      { file: GRID, from: 'if (newest !== lastOpenTimeMs)', to: 'if (!(newest <= lastOpenTimeMs))' },
    ],
  },
  {
    name: 'prices of two scales are put in one window',
    run: { seed: 2, days: hours(4), groups: ['candles', 'process'], weather: 'storm' },
    mutations: [{ file: GRID, from: "if (seen.scaleJumpInWindow) return 'price_scale_changed';", to: '' }],
  },
  {
    name: 'candles that are known are not compared with what they have become',
    run: { seed: 1, days: hours(4), groups: ['candles'], weather: 'storm' },
    mutations: [
      {
        file: 'lib/market/use-cases/candle-windows.ts',
        from: 'if (!areEqual(known, sliceSeries(newest, 0, overlap))) return undefined;',
        to: 'void known;',
      },
    ],
  },
  {
    name: 'the bar that is being formed is decided',
    run: { seed: 6, days: hours(1), groups: ['candles'] },
    mutations: [
      {
        file: 'lib/inference/use-cases/infer.ts',
        from: 'const nowMs = serverTime.ok ? serverTime.value : startedAtMs;',
        to: 'const nowMs = (serverTime.ok ? serverTime.value : startedAtMs) + BAR_MS;',
      },
      {
        file: 'lib/adapters/binance/market/ccxt-market-data.ts',
        from: 'Math.min(lastOpenTimeMs, closedOpenTimeMs)',
        to: 'lastOpenTimeMs',
      },
    ],
  },
  {
    name: 'the digests of a model are not looked at',
    run: { seed: 5, days: hours(6), groups: ['models'], weather: 'storm' },
    mutations: [
      {
        file: LOAD,
        from: 'if (sha256 === named.manifestSha256) return undefined;',
        to: 'if (sha256 !== undefined) return undefined;',
      },
      { file: LOAD, from: 'if (bytesProblem !== undefined) return', to: 'if (bytesProblem === null) return' },
      {
        file: 'lib/models/check-manifest.ts',
        from: "for (const field of ['name', 'version', 'sha256'] as const)",
        to: "for (const field of ['name', 'version'] as const)",
      },
    ],
  },
  {
    name: 'a model that was proven once is not looked at again',
    run: { seed: 1, days: hours(4), groups: ['models'], weather: 'storm' },
    mutations: [
      {
        file: 'lib/models/use-cases/loaded-ensemble.ts',
        from: 'if (previous?.fingerprint !== undefined) {',
        to: 'if (previous?.fingerprint !== undefined) return previous;\n  if (previous?.fingerprint !== undefined) {',
      },
    ],
  },
  {
    name: 'one model decides alone',
    run: { seed: 1, days: hours(6), groups: ['models'], weather: 'storm' },
    mutations: [
      {
        file: 'lib/inference/decide-votes.ts',
        from: 'const ACTIVE_MODELS_MIN = 2;',
        to: 'const ACTIVE_MODELS_MIN = 1;',
      },
    ],
  },
  {
    name: 'contracts that end are entered',
    run: { seed: 3, days: hours(4), groups: ['exchange'], weather: 'storm' },
    mutations: [
      {
        file: 'lib/market/symbol-filters.ts',
        from: "return isFar ? undefined : 'settles_soon';",
        to: "return isFar || nowMs > 0 ? undefined : 'settles_soon';",
      },
    ],
  },
  {
    name: 'income that is listed twice is booked twice',
    run: { seed: 1, days: hours(9), groups: ['exchange'] },
    mutations: [
      {
        file: 'lib/adapters/binance/account/account-history.ts',
        from: 'for (const row of read.value.rows) rows.set(row.id, row);',
        to: 'for (const row of read.value.rows) rows.set(row.id + " " + rows.size, row);',
      },
    ],
  },
  {
    name: 'the position mode is read once and for good',
    run: { seed: 1, days: hours(9), groups: ['exchange'] },
    mutations: [
      {
        file: 'lib/adapters/binance/account/account-settings.ts',
        from: '  forgetModes(): void {\n    this.#modesVerified = false;',
        to: '  forgetModes(): void {\n    void this.#modesVerified;',
      },
    ],
  },
  {
    name: 'a bar that is decided is decided again',
    run: { seed: 3, days: hours(2), groups: ['events'], weather: 'storm' },
    mutations: [
      {
        file: 'lib/adapters/memory/memory-signal-store.ts',
        from: "if (signals.has(key)) return 'already_decided';",
        to: '',
      },
    ],
  },
];
