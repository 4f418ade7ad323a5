// The operator's flags: their names, what each may say, and what a reading of them means. Text is judged by one pattern per
// flag, the same that Parameter Store enforces on writing, and whatever does not match it closes the gate: a flag that says
// `True ` was meant by someone, but nobody knows as what.

import { failure, type Result, success } from '../core/result.ts';

interface BooleanKind {
  readonly kind: 'boolean';
}
interface NumberKind {
  readonly kind: 'number';
}

interface FlagDefinition {
  /** Full match of the allowed text; also the AllowedPattern of the parameter. */
  readonly pattern: string;
  /** The allowed values in words, for the error message. */
  readonly allowed: string;
  /** Value after a deploy that finds no parameter: nothing trades, and what were to trade would do so on paper. */
  readonly deployed: string;
  /** Value that `npm start` seeds: paper trading on. */
  readonly local: string;
}

const boolean = { kind: 'boolean', pattern: '^(true|false)$', allowed: 'exactly true or false' } as const;
/** A true one may carry trips that are not latched yet: breaker/carried-trip.ts. */
const carrying = {
  ...boolean,
  pattern: '^(false|true( (paper|live) [0-9]{1,12} [a-z_,]{1,400}){0,2})$',
} as const;

export const FLAGS = {
  QT_ENABLE_EXECUTION: { ...boolean, deployed: 'false', local: 'false' },
  QT_ENABLE_AI_TRADING: { ...boolean, deployed: 'false', local: 'true' },
  QT_PAPER_TRADING: { ...boolean, deployed: 'true', local: 'true' },
  EMERGENCY_MODE: { ...boolean, deployed: 'false', local: 'false' },
  CIRCUIT_BREAKER_TRIGGERED: { ...carrying, deployed: 'false', local: 'false' },
  /** Share of the equity that may be traded with. */
  QT_MAX_CAPITAL_ALLOCATION: {
    kind: 'number',
    pattern: '^(0|1|0\\.[0-9]{1,6}|1\\.0{1,6})$',
    allowed: 'a decimal from 0 to 1 with at most 6 digits after the point, such as 0.25',
    deployed: '0.1',
    local: '1',
  },
  /** Positions open at once. */
  QT_MAX_POSITIONS: {
    kind: 'number',
    pattern: '^(0|[1-9][0-9]?|100)$',
    allowed: 'an integer from 0 to 100',
    deployed: '5',
    local: '10',
  },
} as const satisfies Record<string, FlagDefinition & (BooleanKind | NumberKind)>;

export type FlagName = keyof typeof FLAGS;
export type FlagValue<N extends FlagName = FlagName> = (typeof FLAGS)[N] extends BooleanKind
  ? boolean
  : number;

export const FLAG_NAMES = Object.keys(FLAGS) as readonly FlagName[];

/** One flag as it was read: its text is not judged here. */
export type FlagReading =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreadable'; readonly message: string };

/** What a reading means. Everything but `value` closes the gate; `why` is one line for the operator. */
export type FlagState<T> =
  | { readonly state: 'value'; readonly value: T }
  | { readonly state: 'missing' | 'malformed' | 'unreadable'; readonly message: string };

export type FlagsState = { readonly [N in FlagName]: FlagState<FlagValue<N>> };

/** Longest piece of a malformed text that an error message repeats. */
const QUOTED_CHARS_MAX = 40;

/** The value that a flag's text stands for. Fails with one line that says what is allowed; nothing is trimmed or folded. */
export function parseFlag<N extends FlagName>(name: N, text: string): Result<FlagValue<N>, string> {
  const flag = FLAGS[name];
  if (!new RegExp(flag.pattern).test(text)) {
    return failure(`${name} must be ${flag.allowed}, not ${JSON.stringify(text.slice(0, QUOTED_CHARS_MAX))}`);
  }
  return success((flag.kind === 'boolean' ? text !== 'false' : Number(text)) as FlagValue<N>);
}

function stateOf<N extends FlagName>(name: N, reading: FlagReading | undefined): FlagState<FlagValue<N>> {
  if (reading === undefined || reading.kind === 'missing')
    return { state: 'missing', message: `${name} is not set` };
  if (reading.kind === 'unreadable')
    return { state: 'unreadable', message: `${name} cannot be read: ${reading.message}` };
  const parsed = parseFlag(name, reading.text);
  return parsed.ok ? { state: 'value', value: parsed.value } : { state: 'malformed', message: parsed.error };
}

/** Every flag's state from what was read; a name that the reading leaves out is missing. */
export function parseFlags(readings: ReadonlyMap<string, FlagReading>): FlagsState {
  return Object.fromEntries(
    FLAG_NAMES.map((name) => [name, stateOf(name, readings.get(name))]),
  ) as unknown as FlagsState;
}

const OPENS_LIVE: Partial<Record<FlagName, string>> = {
  QT_PAPER_TRADING: 'false',
  QT_ENABLE_EXECUTION: 'true',
};

/** Whether this value of the flag lets entries go to the real account. */
export const opensLive = (name: FlagName, value: string): boolean => OPENS_LIVE[name] === value;
