// People: operators who look after the stage, and some who should not; a person who trades the account; and what the exchange does to it.

import { unproven } from '../../../../lib/core/actor.ts';
import { MINUTE_MS, SECOND_MS } from '../../../../lib/core/units.ts';
import type { FlagName } from '../../../../lib/risk/flags.ts';
import { refusesToDrop } from '../../../../lib/risk/use-cases/unlatched-trip.ts';
import { ExternalActError } from '../../../../local/exchange/external-acts.ts';
import { OPEN_FLAGS } from '../../../../local/rehearsal/open-flags.ts';
import { type Draw, oneOf } from '../kernel/draws.ts';
import type { FaultKind } from '../kernel/fault-plan.ts';
import type { Lambda } from './lambda.ts';
import { SCOPE, type Stage } from './stage.ts';

const OPERATORS = ['ada', 'grace', 'edsger'] as const;
/** An operator looks at the stage this often. */
const ROUND_MS = 5 * MINUTE_MS;

interface Held {
  readonly symbol: string;
  readonly quantity: number;
}

export class People {
  readonly #stage: Stage;
  readonly #lambda: Lambda;
  /** Whose positions others have touched, and when last. */
  readonly touchedAtMs = new Map<string, number>();
  #resetAskedEpoch = 0;
  readonly #tell: (line: string) => void;

  constructor(stage: Stage, lambda: Lambda, tell: (line: string) => void) {
    this.#stage = stage;
    this.#lambda = lambda;
    this.#tell = tell;
  }

  async minute(minuteMs: number): Promise<void> {
    const label = new Date(minuteMs).toISOString().slice(5, 16);
    const draw = this.#stage.faults.drawAt(`people ${label}`);
    if (minuteMs % ROUND_MS === 0) await this.#lookAfter(label, draw);
    const { share } = this.#stage.faults.weather(minuteMs);
    this.#act(label, draw, 0.012 + share / 2);
    this.#disturb(label, draw, 0.003 + share / 3);
  }

  /** Resets what has tripped as soon as that is allowed, and reopens the flags. */
  async #lookAfter(label: string, draw: Draw): Promise<void> {
    const gate = await this.#stage.risk.readGate(SCOPE);
    if (gate === undefined) return;
    const { breaker } = gate;
    if (breaker.latch === 'ARMED') return this.#openFlags(draw);
    const [first, second] = draw() < 0.5 ? (['ada', 'grace'] as const) : (['grace', 'edsger'] as const);
    const reason = 'the cause is known';
    if (this.#resetAskedEpoch !== breaker.epoch || breaker.resetRequest === null) {
      this.#resetAskedEpoch = breaker.epoch;
      this.#operate(`reset asked ${label}`, { act: 'request_reset', scope: SCOPE, reason }, first);
    } else this.#operate(`reset approved ${label}`, { act: 'approve_reset', scope: SCOPE }, second);
  }

  async #openFlags(draw: Draw): Promise<void> {
    const { flags, watch, timeline, risk } = this.#stage;
    for (const name of Object.keys(OPEN_FLAGS) as FlagName[]) {
      if (flags.texts.get(name) === OPEN_FLAGS[name] || draw() < 0.3) continue;
      const reading = { kind: 'text', text: flags.texts.get(name) ?? '' } as const;
      if ((await refusesToDrop(risk, name, reading)) !== undefined) continue;
      flags.write(name, OPEN_FLAGS[name], timeline.nowMs);
      watch.flagsMoved(name);
    }
  }

  #operate(key: string, act: unknown, name: string): void {
    void this.#lambda.invoke('operate', key, { act, by: unproven(name) });
  }

  #happens(kind: FaultKind, label: string): boolean {
    const { faults, timeline } = this.#stage;
    const happens = faults.happens({ key: `${kind} ${label}`, kind, atMs: timeline.nowMs });
    if (happens) this.#tell(kind);
    return happens;
  }

  /** What operators do that is not called for. */
  #act(label: string, draw: Draw, share: number): void {
    const { flags, watch, timeline } = this.#stage;
    const pick = draw() / share;
    if (pick < 0.45) {
      if (!this.#happens('flag_flipped', label)) return;
      const [name, text] = oneOf(draw, FLIPS);
      flags.write(name, text, timeline.nowMs);
      watch.flagsMoved(name);
    } else if (pick < 0.5) {
      if (!this.#happens('tripped_by_hand', label)) return;
      this.#operate(
        `trip ${label}`,
        { act: 'trip', scope: SCOPE, reason: 'looks wrong' },
        oneOf(draw, OPERATORS),
      );
    } else if (pick < 0.85) {
      if (!this.#happens('reset_by_one', label)) return;
      const by = oneOf(draw, OPERATORS);
      const act =
        draw() < 0.5
          ? { act: 'request_reset', scope: SCOPE, reason: 'hurry' }
          : { act: 'approve_reset', scope: SCOPE };
      this.#operate(`alone ${label}`, act, draw() < 0.5 ? by : by.toUpperCase());
    } else if (pick < 0.88) {
      if (!this.#happens('emergency_stop', label)) return;
      const act = { act: 'emergency_stop', reason: 'drill', keepPositions: draw() < 0.3 };
      void this.#lambda.invoke('emergency-stop', `stop ${label}`, { act, by: unproven('ada') });
    } else if (pick < 0.94) {
      if (this.#happens('deployed', label)) this.#deploy(draw);
    } else if (pick < 1) {
      if (!this.#happens('keys_rotated', label)) return;
      const keys = { apiKey: `key-${label}`, secret: `secret-${label}` };
      this.#stage.core.external.rotateKeys(keys);
      this.#stage.keys = keys;
    }
  }

  /** Environments of before run on until they are idle; new ones have the new code. */
  #deploy(draw: Draw): void {
    const { deployed } = this.#stage;
    const version = Number(deployed.codeVersion.slice(1)) + 1;
    const shards = draw() < 0.3 ? (deployed.shards % 3) + 1 : deployed.shards;
    this.#stage.deployed = { codeVersion: `v${version}`, shards };
    this.#lambda.forgetWarm();
  }

  /** What others do to account and exchange. */
  #disturb(label: string, draw: Draw, share: number): void {
    const { core, symbols, timeline } = this.#stage;
    const pick = draw() / share;
    if (pick >= 1) return;
    const held = core.truth()!.positions;
    const target: Held | undefined = held.length === 0 ? undefined : oneOf(draw, held);
    const symbol = target?.symbol ?? oneOf(draw, symbols);
    const disturbance = DISTURBANCES[Math.floor(pick * DISTURBANCES.length)]!;
    if (disturbance.needsPosition && target === undefined) return;
    if (!this.#happens(disturbance.kind, label)) return;
    try {
      disturbance.act({ stage: this.#stage, symbol, held: target, draw });
    } catch (error) {
      if (!(error instanceof ExternalActError)) throw error;
    }
    if (disturbance.touches) this.touchedAtMs.set(symbol, timeline.nowMs);
  }
}

export const FLIPS: readonly (readonly [FlagName, string])[] = [
  ['QT_ENABLE_EXECUTION', 'false'],
  ['QT_ENABLE_AI_TRADING', 'false'],
  ['EMERGENCY_MODE', 'true'],
  ['CIRCUIT_BREAKER_TRIGGERED', 'true'],
  ['QT_MAX_CAPITAL_ALLOCATION', '0.1'],
  ['QT_MAX_POSITIONS', '1'],
  ['QT_MAX_POSITIONS', '0'],
];

interface DisturbanceContext {
  readonly stage: Stage;
  readonly symbol: string;
  readonly held: Held | undefined;
  readonly draw: Draw;
}

interface Disturbance {
  readonly kind: FaultKind;
  readonly needsPosition: boolean;
  /** The position of this symbol is then not ours alone. */
  readonly touches: boolean;
  act(context: DisturbanceContext): void;
}

const sideOf = ({ quantity }: Held) => (quantity > 0 ? ('SELL' as const) : ('BUY' as const));
const outages = (pick: number): readonly string[] => OUTAGES[Math.floor(pick * OUTAGES.length)]!;
const OUTAGES: readonly (readonly string[])[] = [
  ['*'],
  ['POST /fapi/v1/order', 'POST /fapi/v1/algoOrder'],
  ['/fapi/v3/positionRisk'],
  ['/fapi/v1/openAlgoOrders'],
  ['/fapi/v1/income'],
  ['/fapi/v1/exchangeInfo', '/fapi/v1/userTrades'],
];

const DISTURBANCES: readonly Disturbance[] = [
  {
    ...{ kind: 'outage', needsPosition: false, touches: false },
    act({ stage, draw }) {
      const { nowMs } = stage.timeline;
      const long = draw() < 0.05 ? 120 * MINUTE_MS : 3 * MINUTE_MS;
      stage.outage = { paths: outages(draw()), untilMs: nowMs + 20 * SECOND_MS + draw() * long };
    },
  },
  {
    ...{ kind: 'traded_by_hand', needsPosition: true, touches: true },
    act({ stage, held, draw }) {
      const quantity = Math.abs(held!.quantity);
      const side = sideOf(held!);
      if (draw() < 0.5)
        stage.core.external.marketOrder({ symbol: held!.symbol, side, quantity, reduceOnly: true });
      else
        for (let order = 0; order < 2; order++)
          stage.core.external.marketOrder({ symbol: held!.symbol, side, quantity });
    },
  },
  {
    ...{ kind: 'stop_cancelled', needsPosition: true, touches: true },
    act: ({ stage, symbol }) => stage.core.external.cancelOrders({ symbol }),
  },
  {
    ...{ kind: 'stop_set_by_hand', needsPosition: true, touches: false },
    act({ stage, symbol, held }) {
      const price = priceOf(stage, symbol);
      const triggerPrice = Number((price * (held!.quantity > 0 ? 0.97 : 1.03)).toPrecision(4));
      stage.core.external.closePositionStop({ symbol, triggerPrice });
    },
  },
  {
    ...{ kind: 'liquidated', needsPosition: true, touches: true },
    act: ({ stage, symbol }) => void stage.core.external.liquidate({ symbol }),
  },
  {
    ...{ kind: 'deleveraged', needsPosition: true, touches: true },
    act: ({ stage, symbol }) => void stage.core.external.deleverage({ symbol, restMs: 2_000 }),
  },
  {
    ...{ kind: 'transferred', needsPosition: false, touches: false },
    act: ({ stage, draw }) => stage.core.external.transfer({ amount: Math.round((draw() - 0.4) * 200) + 1 }),
  },
  {
    ...{ kind: 'rebated', needsPosition: false, touches: false },
    act: ({ stage, draw }) => stage.core.external.income({ amount: Math.round(draw() * 100 + 1) / 100 }),
  },
  {
    ...{ kind: 'filters_changed', needsPosition: false, touches: false },
    act({ stage, symbol, draw }) {
      const { tickSize, stepSize } = stage.core.contracts.of(symbol)!;
      const tenfold = (size: number) => Number((size * 10).toPrecision(12));
      // Once only: what is a thousand times as coarse can be traded by nobody.
      if (stage.coarsened.has(symbol)) return;
      stage.coarsened.add(symbol);
      const sizes = draw() < 0.7 ? { tickSize: tenfold(tickSize) } : { stepSize: tenfold(stepSize) };
      stage.core.external.changeFilters({ symbol, ...sizes });
    },
  },
  {
    ...{ kind: 'mark_torn', needsPosition: false, touches: false },
    act({ stage, symbol, draw }) {
      for (const each of stage.symbols) stage.core.external.changeMark({ symbol: each, offsetBps: null });
      if (draw() < 0.7) stage.core.external.changeMark({ symbol, offsetBps: draw() < 0.5 ? 60 : -60 });
    },
  },
];

function priceOf(stage: Stage, symbol: string): number {
  const series = stage.market.candles(symbol);
  const barMs = series.openTimeMs[1]! - series.openTimeMs[0]!;
  const index = Math.floor((stage.timeline.nowMs - series.openTimeMs[0]!) / barMs);
  return series.open[Math.min(Math.max(index, 0), series.length - 1)]!;
}
