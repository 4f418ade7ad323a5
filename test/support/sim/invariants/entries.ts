// Whether every order that leaves may leave, and leaves once.

import { allocation, bookLimits, TRADING_LIMITS } from '../../../../lib/execution/limits.ts';
import type { OrderRecord } from '../../../../lib/execution/records.ts';
import { ENTRY_WINDOW_MS, SEND_WINDOW_MS } from '../../../../lib/execution/send-window.ts';
import { BAR_MS } from '../../../../lib/market/candle.ts';
import { parseFlags } from '../../../../lib/risk/flags.ts';
import type { BookLimits, GateItem } from '../../../../lib/risk/gate.ts';
import { LEVEL_LIMITS } from '../../../../lib/risk/level.ts';
import type { EquitySnapshot } from '../../../../lib/risk/records.ts';
import { OPEN_FLAGS } from '../../../../local/rehearsal/open-flags.ts';
import type { Environment } from '../kernel/environment.ts';
import type { SentRequest } from '../world/exchange-port.ts';
import { LEVEL, type Stage } from '../world/stage.ts';
import { FLAGS_LAG_MS } from '../world/store-ports.ts';
import type { Register } from './register.ts';

const REFUSED_FOR_ITS_TIME = -1021;
/** Between asking for the flags and asking the gate. */
const SLACK_MS = 100;
/** The oldest answer that an entry may rest on. */
const READ_LATE_MS = 25_000;
const HEDGED = -4061;
const ORDER_PATH = '/fapi/v1/order';

export class EntryWatch {
  readonly #stage: Stage;
  readonly #register: Register;
  readonly #orders = new Map<string, OrderRecord>();
  readonly #entryOfDecision = new Map<string, string>();
  readonly #sent = new Map<string, number>();
  readonly #snapshots: EquitySnapshot[] = [];
  readonly #ensembleOfRun = new Map<string, string | null | undefined>();
  /** When an order of an environment was last refused for it. */
  readonly #toldOfHedgeMode = new Map<string, number>();
  #gate: GateItem | undefined;
  #closedSinceMs: number | undefined;
  /** undefined while a gate is closed, but for the lease. */
  openSinceMs: number | undefined;
  #epochSinceMs = 0;

  constructor(stage: Stage, register: Register) {
    this.#stage = stage;
    this.#register = register;
  }

  recordWritten(key: string, value: unknown): void {
    if (key.startsWith('order#')) this.#orders.set(key.slice('order#'.length), value as OrderRecord);
    if (key.startsWith('equity#')) {
      this.#snapshots.push(value as EquitySnapshot);
      if (this.#snapshots.length > 20) this.#snapshots.shift();
    }
  }

  gateMoved(before: GateItem | undefined, gate: GateItem): void {
    if (before?.epoch !== gate.epoch) this.#epochSinceMs = this.#stage.timeline.nowMs;
    this.#gate = gate;
    this.gatesMoved();
    this.#checkHoldings(before, gate);
  }

  /** Flags, latch or level are other ones. */
  gatesMoved(): void {
    const isOpen = this.#gate?.latch === 'ARMED' && this.#areFlagsOpen();
    if (isOpen) {
      this.#closedSinceMs = undefined;
      this.openSinceMs ??= this.#stage.timeline.nowMs;
      return;
    }
    this.openSinceMs = undefined;
    this.#closedSinceMs ??= this.#stage.timeline.nowMs;
  }

  #areFlagsOpen(): boolean {
    const closing = [
      'QT_ENABLE_EXECUTION',
      'QT_ENABLE_AI_TRADING',
      'EMERGENCY_MODE',
      'CIRCUIT_BREAKER_TRIGGERED',
    ] as const;
    const { texts } = this.#stage.flags;
    const level = texts.get(LEVEL)!;
    return (
      level in LEVEL_LIMITS &&
      level !== 'PAPER' &&
      closing.every((name) => texts.get(name) === OPEN_FLAGS[name])
    );
  }

  /** An order leaves. */
  sent({ method, path, parameters, environment }: SentRequest): void {
    if (method !== 'POST') return;
    const id = parameters.get('newClientOrderId') ?? parameters.get('clientAlgoId');
    if (id === null) return;
    const before = this.#sent.get(id) ?? 0;
    this.#register.check('sent_once', before === 0, () => `${path} ${id} leaves ${environment.name} again`);
    this.#sent.set(id, before + 1);
    if (path !== ORDER_PATH || parameters.get('reduceOnly') === 'true') return;
    this.#checkGates(id, environment.clockOffsetMs, SEND_WINDOW_MS, 'leaves');
    this.#checkOrigin(id, environment.nowMs());
    this.#checkEnsemble(id, environment);
    this.#checkContract(parameters.get('symbol')!, environment);
  }

  #checkContract(symbol: string, { invocation, name }: Environment): void {
    const { endsAtMs, hedgedSinceMs } = this.#stage;
    const startedAtMs = invocation?.startedAtMs ?? 0;
    const ends = endsAtMs.get(symbol);
    this.#register.check(
      'not_ending',
      ends === undefined || startedAtMs - ends.announcedAtMs < READ_LATE_MS,
      () => `entry of ${symbol}, ${startedAtMs - ends!.announcedAtMs} ms after its end was announced`,
    );
    this.#register.check(
      'one_way',
      hedgedSinceMs === undefined || (this.#toldOfHedgeMode.get(name) ?? 0) < hedgedSinceMs,
      () => `${name} enters ${symbol} although it was told of the hedge mode`,
    );
  }

  #checkEnsemble(id: string, { invocation }: Environment): void {
    const { active } = this.#stage;
    const of = this.#orders.get(id)?.ensembleId;
    const { key = '', startedAtMs = 0 } = invocation ?? {};
    const before = this.#ensembleOfRun.get(key) ?? of;
    this.#ensembleOfRun.set(key, of);
    this.#register.check(
      'immutable_bar',
      of === before,
      () => `${key} enters by ensemble ${before}, and ${id} by ${of}`,
    );
    this.#register.check(
      'sound_ensemble',
      // Read once, when the run begins.
      of === active.id || (startedAtMs < active.sinceMs && of === active.before),
      () =>
        `entry ${id} of ${of} leaves a run that has begun ${startedAtMs - active.sinceMs} ms after ${active.id} was active`,
    );
  }

  answered({ method, path, parameters, environment }: SentRequest, status: number, body: string): void {
    if (method !== 'POST') return;
    const id = parameters.get('newClientOrderId') ?? parameters.get('clientAlgoId');
    if (id === null) return;
    // Refused unread: the one case in which it may be sent again.
    if (status !== 200 && body.includes(`"code":${REFUSED_FOR_ITS_TIME}`)) this.#sent.delete(id);
    if (body.includes(`"code":${HEDGED}`))
      this.#toldOfHedgeMode.set(environment.name, this.#stage.timeline.nowMs);
    const isEntry = path === ORDER_PATH && parameters.get('reduceOnly') !== 'true';
    if (isEntry && status === 200 && environment !== undefined)
      this.#checkGates(id, environment.clockOffsetMs, SEND_WINDOW_MS + ENTRY_WINDOW_MS + 1_000, 'is taken');
  }

  #checkGates(id: string, clockOffsetMs: number, windowMs: number, what: string): void {
    const { nowMs } = this.#stage.timeline;
    const allowedMs = windowMs + FLAGS_LAG_MS + SLACK_MS;
    const closedForMs = this.#closedSinceMs === undefined ? 0 : nowMs - this.#closedSinceMs;
    const leaseOverMs = nowMs + clockOffsetMs - (this.#gate?.leaseUntilMs ?? 0);
    this.#register.check(
      'closed_gate',
      closedForMs <= allowedMs && leaseOverMs <= allowedMs,
      () =>
        `entry ${id} ${what} ${closedForMs} ms after a gate has closed, ${leaseOverMs} ms after the lease`,
    );
    const isAuthorised = this.#gate?.authorised[id] !== undefined;
    const epoch = this.#orders.get(id)?.authorisedEpoch;
    const isOfEpoch = epoch === this.#gate?.epoch || nowMs - this.#epochSinceMs <= allowedMs;
    this.#register.check(
      'authorised_entry',
      isAuthorised && isOfEpoch,
      () => `entry ${id}, epoch ${epoch}, ${what}`,
    );
  }

  #checkOrigin(id: string, nowMs: number): void {
    const record = this.#orders.get(id);
    const decision = `${record?.symbol}@${record?.barOpenTimeMs}`;
    const known = this.#entryOfDecision.get(decision);
    this.#entryOfDecision.set(decision, id);
    this.#register.check(
      'one_order',
      record !== undefined && (known === undefined || known === id),
      () => `${decision} leads to ${id} and to ${known}`,
    );
    const ageMs = nowMs - ((record?.barOpenTimeMs ?? 0) + BAR_MS);
    this.#register.check(
      'fresh_signal',
      ageMs <= TRADING_LIMITS.signalAgeMsMax + SEND_WINDOW_MS + SLACK_MS && ageMs >= -SLACK_MS - 5_000,
      () => `entry ${id} leaves ${ageMs} ms after its bar has closed`,
    );
  }

  #checkHoldings(before: GateItem | undefined, gate: GateItem): void {
    const reserved = Object.values(gate.reserved);
    const exposure = reserved.reduce((sum, { notionalMicroUsdt }) => sum + notionalMicroUsdt, 0);
    const long = reserved.filter(({ side }) => side === 'BUY');
    const netBeta = reserved.reduce((sum, { betaMicroUsdt }) => sum + betaMicroUsdt, 0);
    this.#register.check(
      'reserved',
      gate.exposureMicroUsdt === exposure &&
        gate.positionCount === reserved.length &&
        gate.sideMicroUsdt.BUY === long.reduce((sum, { notionalMicroUsdt }) => sum + notionalMicroUsdt, 0) &&
        gate.sideMicroUsdt.BUY + gate.sideMicroUsdt.SELL === exposure &&
        gate.netBetaMicroUsdt === netBeta,
      () =>
        `the gate counts ${JSON.stringify({ ...gate, authorised: {}, breaker: {} })} of ${reserved.length} and ${exposure}`,
    );
    const isEntry = Object.keys(gate.authorised).some((id) => before?.authorised[id] === undefined);
    if (!isEntry) return;
    const limits = this.#loosestLimits();
    this.#register.check(
      'within_limits',
      gate.exposureMicroUsdt <= limits.exposureMicroUsdt &&
        gate.positionCount <= limits.positions &&
        // What a limit that was lowered since leaves above it stays there, and must not grow.
        (['BUY', 'SELL'] as const).every(
          (side) =>
            gate.sideMicroUsdt[side] <= Math.max(limits.sideMicroUsdt, before?.sideMicroUsdt[side] ?? 0),
        ) &&
        Math.abs(gate.netBetaMicroUsdt) <=
          Math.max(limits.netBetaMicroUsdt, Math.abs(before?.netBetaMicroUsdt ?? 0)),
      () => {
        const { positionCount, exposureMicroUsdt, sideMicroUsdt, netBetaMicroUsdt } = gate;
        const held = { positionCount, exposureMicroUsdt, sideMicroUsdt, netBetaMicroUsdt };
        return `${JSON.stringify(held)} of ${JSON.stringify(limits)}`;
      },
    );
  }

  /** By the largest equity of the last minutes, and the flags of now or of a moment ago. */
  #loosestLimits(): BookLimits {
    const { timeline, flags } = this.#stage;
    const recent = this.#snapshots.filter(({ atMs }) => atMs > timeline.nowMs - 4 * 60_000);
    const equityMicroUsdt = Math.max(0, ...recent.map((snapshot) => snapshot.equityMicroUsdt));
    const asOf = [timeline.nowMs, timeline.nowMs - 1_000, timeline.nowMs - 2_500, timeline.nowMs - 4_000];
    const options = asOf.map((atMs) => {
      const { QT_MAX_CAPITAL_ALLOCATION: capital, QT_MAX_POSITIONS: positions } = parseFlags(
        new Map(
          Object.keys(OPEN_FLAGS).map((name) => [
            name,
            { kind: 'text', text: flags.textAt(name, atMs) ?? '' },
          ]),
        ),
      );
      if (
        capital.state !== 'value' ||
        positions.state !== 'value' ||
        !(flags.textAt(LEVEL, atMs)! in LEVEL_LIMITS)
      )
        return { exposureMicroUsdt: 0, sideMicroUsdt: 0, netBetaMicroUsdt: 0, positions: 0 };
      const asked = {
        equityMicroUsdt,
        capitalFraction: capital.value,
        positions: positions.value,
        level: flags.textAt(LEVEL, atMs),
      };
      const allowed = allocation(asked as Parameters<typeof allocation>[0]);
      return bookLimits({ equityMicroUsdt, ...allowed }, TRADING_LIMITS);
    });
    const most = (name: keyof BookLimits) => Math.max(...options.map((option) => option[name]));
    return {
      exposureMicroUsdt: most('exposureMicroUsdt'),
      sideMicroUsdt: most('sideMicroUsdt'),
      netBetaMicroUsdt: most('netBetaMicroUsdt'),
      positions: most('positions'),
    };
  }
}
