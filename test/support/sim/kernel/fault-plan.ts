// Which faults befall a run: drawn by the seed at every step, told one by one, and left out at will.
import { drawFrom, hashOf, hashOfText } from './draws.ts';

/** By group, which `--faults` chooses from. */
export const FAULT_KINDS = {
  process: ['crash_before_effect', 'crash_after_effect', 'frozen', 'late_effect', 'time_limit'],
  store: ['store_refuses', 'store_answer_lost', 'index_lags'],
  flags: ['flags_unreadable', 'flag_missing', 'flag_malformed', 'flags_stale'],
  events: ['event_lost', 'event_duplicated', 'event_late', 'function_silent'],
  network: ['reset', 'no_answer', 'answer_lost', 'server_error', 'page', 'cut_answer', 'nulls'],
  limits: ['rate_limited', 'banned', 'overloaded'],
  answers: ['late_answer', 'odd_row', 'partial_fill', 'order_refused'],
  outage: ['outage'],
  clock: ['clock_skewed'],
  people: ['flag_flipped', 'tripped_by_hand', 'reset_by_one', 'emergency_stop', 'deployed', 'keys_rotated'],
  others: [
    'traded_by_hand',
    'stop_cancelled',
    'stop_set_by_hand',
    'liquidated',
    'deleveraged',
    'transferred',
    'rebated',
    'filters_changed',
    'mark_torn',
  ],
  database: ['table_out'],
  objects: ['ensemble_torn', 'ensemble_swapped'],
  rollout: ['level_changed', 'level_torn'],
  contracts: ['contract_halted', 'leverage_changed'],
  candles: [
    'candle_left_out',
    'candle_late',
    'candle_duplicated',
    'candle_zeroed',
    'candle_rescaled',
    'candle_open',
    'candle_missing',
    'candle_revised',
    'candle_spiked',
  ],
  exchange: ['funding_late', 'funding_twice', 'contract_ended', 'contract_rescaled', 'hedge_mode'],
  models: ['model_torn', 'model_swapped', 'model_gone', 'models_broken'],
} as const;

export type FaultGroup = keyof typeof FAULT_KINDS;
export type FaultKind = (typeof FAULT_KINDS)[FaultGroup][number];
export const FAULT_GROUPS = Object.keys(FAULT_KINDS) as readonly FaultGroup[];

const GROUP_OF = new Map<FaultKind, FaultGroup>(
  FAULT_GROUPS.flatMap((group) => FAULT_KINDS[group].map((kind) => [kind as FaultKind, group] as const)),
);

export interface Fault {
  /** The same in every run of a seed. */
  readonly key: string;
  readonly kind: FaultKind;
  readonly atMs: number;
}

/** How bad a time is: a share of the steps that something befalls. */
export interface Weather {
  readonly name: 'calm' | 'bad' | 'storm';
  readonly share: number;
}

const WEATHERS: readonly (Weather & { readonly until: number })[] = [
  { name: 'calm', share: 0.0004, until: 0.62 },
  { name: 'bad', share: 0.006, until: 0.92 },
  { name: 'storm', share: 0.05, until: 1 },
];
const WEATHER_MS = 20 * 60_000;

export interface FaultChoice {
  /** @default all */
  readonly groups?: ReadonlySet<FaultGroup> | undefined;
  /** How bad it is all the time. @default drawn every twenty minutes */
  readonly weather?: Weather['name'] | undefined;
  /** One kind of step, as `risk.get`, that faults befall so many times as often. */
  readonly stress?: { readonly where: string; readonly times: number } | undefined;
  /** Keys of the only faults that may happen. @default any */
  readonly only?: ReadonlySet<string> | undefined;
}

export class FaultPlan {
  readonly counts = new Map<FaultKind, number>();
  readonly log: Fault[] = [];
  onFault: (fault: Fault) => void = () => undefined;
  /** From here on nothing happens any more. */
  quietFromMs = Number.POSITIVE_INFINITY;
  readonly #seed: number;
  readonly #choice: FaultChoice;
  /** Asked for at every step. */
  #latest: { readonly span: number; readonly weather: Weather } | undefined;

  constructor(seed: number, choice: FaultChoice) {
    this.#seed = seed;
    this.#choice = choice;
  }

  weather(nowMs: number): Weather {
    const span = Math.floor(nowMs / WEATHER_MS);
    if (span !== this.#latest?.span) this.#latest = { span, weather: this.#drawWeather(span) };
    return this.#latest.weather;
  }

  #drawWeather(span: number): Weather {
    const pick = drawFrom(hashOf(this.#seed, 77, span))();
    const { weather } = this.#choice;
    return WEATHERS.find(({ name, until }) => (weather === undefined ? pick < until : name === weather))!;
  }

  /** How many times as often faults befall such a step. */
  timesAt(where: string): number {
    const { stress } = this.#choice;
    return stress?.where === where ? stress.times : 1;
  }

  drawAt(place: string) {
    return drawFrom(hashOf(this.#seed, hashOfText(place)));
  }

  /** Whether a fault that was drawn happens; it is then counted. */
  happens(fault: Fault): boolean {
    const { groups, only } = this.#choice;
    if (fault.atMs >= this.quietFromMs) return false;
    if (groups !== undefined && !groups.has(GROUP_OF.get(fault.kind)!)) return false;
    if (only !== undefined && !only.has(fault.key)) return false;
    this.counts.set(fault.kind, (this.counts.get(fault.kind) ?? 0) + 1);
    this.log.push(fault);
    this.onFault(fault);
    return true;
  }
}
