// The complete truth table of the gate: every combination is compared with an oracle written from the design's sentence,
// on the raw texts, without the parser or the reasons.
import { describe, expect, it } from 'vitest';
import { HOUR_MS, MINUTE_MS } from '../../lib/core/units.ts';
import { effectiveMode, type Mode, type ModeEvidence } from '../../lib/risk/effective-mode.ts';
import { FLAG_NAMES, type FlagName, type FlagReading, parseFlags } from '../../lib/risk/flags.ts';

const NOW_MS = 1_722_816_000_000;

const text = (value: string): FlagReading => ({ kind: 'text', text: value });
const broken: FlagReading[] = [{ kind: 'missing' }, { kind: 'unreadable', message: 'ThrottlingException' }];
const booleanReadings = [text('true'), text('false'), text('True '), ...broken];
const readingsOf: Record<FlagName, FlagReading[]> = {
  QT_ENABLE_EXECUTION: booleanReadings,
  QT_ENABLE_AI_TRADING: booleanReadings,
  QT_PAPER_TRADING: booleanReadings,
  EMERGENCY_MODE: booleanReadings,
  CIRCUIT_BREAKER_TRIGGERED: booleanReadings,
  QT_MAX_CAPITAL_ALLOCATION: [text('0.25'), text('1.5'), ...broken],
  QT_MAX_POSITIONS: [text('5'), text('five'), ...broken],
};
const latches: ModeEvidence['latch'][] = [
  { state: 'value', value: 'ARMED' },
  { state: 'value', value: 'TRIPPED' },
  { state: 'missing' },
  { state: 'unreadable', message: 'timeout' },
];
const leases: ModeEvidence['lease'][] = [
  { state: 'value', value: NOW_MS + MINUTE_MS },
  { state: 'value', value: NOW_MS },
  { state: 'value', value: NOW_MS + HOUR_MS },
  { state: 'value', value: Number.NaN },
  { state: 'missing' },
  { state: 'unreadable', message: 'timeout' },
];
const stages: ModeEvidence['level'][] = [
  { state: 'value', value: { level: 'FULL', approved: true } },
  { state: 'value', value: { level: 'HOUR_1_6', approved: true } },
  { state: 'value', value: { level: 'HOUR_6_24', approved: false } },
  { state: 'value', value: { level: 'PAPER', approved: true } },
  { state: 'missing' },
  { state: 'unreadable', message: 'timeout' },
];

type Row = { flags: Record<FlagName, FlagReading> } & Pick<ModeEvidence, 'latch' | 'lease' | 'level'>;

function oracle({ flags, latch, lease, level }: Row): Mode {
  const says = (name: FlagName) => {
    const reading = flags[name];
    return reading.kind === 'text' ? reading.text : '';
  };
  const breakerAgrees =
    latch.state === 'value' &&
    latch.value === 'ARMED' &&
    lease.state === 'value' &&
    lease.value === NOW_MS + MINUTE_MS;
  const shared =
    breakerAgrees &&
    level.state === 'value' &&
    says('QT_ENABLE_AI_TRADING') === 'true' &&
    says('EMERGENCY_MODE') === 'false' &&
    says('CIRCUIT_BREAKER_TRIGGERED') === 'false' &&
    says('QT_MAX_CAPITAL_ALLOCATION') === '0.25' &&
    says('QT_MAX_POSITIONS') === '5';
  const execution = says('QT_ENABLE_EXECUTION');
  const paper = says('QT_PAPER_TRADING');
  if (shared && paper === 'true' && (execution === 'true' || execution === 'false')) return 'PAPER';
  const signedOff = level.state === 'value' && level.value.approved && level.value.level !== 'PAPER';
  if (shared && paper === 'false' && execution === 'true' && signedOff) return 'LIVE';
  return 'OFF';
}

function* flagCombinations(): Generator<Record<FlagName, FlagReading>> {
  const counts = FLAG_NAMES.map((name) => readingsOf[name].length);
  const total = counts.reduce((product, count) => product * count, 1);
  for (let row = 0; row < total; row++) {
    let rest = row;
    const flags = {} as Record<FlagName, FlagReading>;
    for (const [index, name] of FLAG_NAMES.entries()) {
      flags[name] = readingsOf[name][rest % counts[index]!]!;
      rest = Math.floor(rest / counts[index]!);
    }
    yield flags;
  }
}

const modeOf = (row: Row) =>
  effectiveMode({ ...row, flags: parseFlags(new Map(Object.entries(row.flags))), nowMs: NOW_MS });

/** Compares without an `expect` per row, which would take minutes over the whole table. */
function compare(rows: Iterable<Row>): Record<Mode, number> {
  const seen: Record<Mode, number> = { OFF: 0, PAPER: 0, LIVE: 0 };
  for (const row of rows) {
    const { mode, reasons } = modeOf(row);
    const wanted = oracle(row);
    if (mode !== wanted) expect({ row, mode }).toEqual({ row, mode: wanted });
    if ((mode === 'LIVE') !== (reasons.length === 0)) expect({ row, reasons }).toBe('reasons unless LIVE');
    seen[mode]++;
  }
  return seen;
}

describe('effectiveMode', () => {
  it('agrees with the oracle on every combination of flags, whatever the stage', () => {
    function* rows(): Generator<Row> {
      for (const flags of flagCombinations())
        for (const level of stages) yield { flags, level, latch: latches[0]!, lease: leases[0]! };
    }
    const seen = compare(rows());
    // 4 readable stages × execution true or false; 2 stages that are signed off.
    expect(seen).toEqual({ OFF: 5 ** 5 * 4 ** 2 * 6 - 8 - 2, PAPER: 8, LIVE: 2 });
  });

  it('agrees with the oracle on every combination of boolean flags, latch, lease and stage', () => {
    function* rows(): Generator<Row> {
      for (const flags of flagCombinations()) {
        if (flags.QT_MAX_CAPITAL_ALLOCATION !== readingsOf.QT_MAX_CAPITAL_ALLOCATION[0]) continue;
        if (flags.QT_MAX_POSITIONS !== readingsOf.QT_MAX_POSITIONS[0]) continue;
        for (const latch of latches)
          for (const lease of leases)
            for (const level of [stages[0]!, stages[3]!, stages[5]!]) yield { flags, latch, lease, level };
      }
    }
    const seen = compare(rows());
    expect(seen.PAPER).toBe(4);
    expect(seen.LIVE).toBe(1);
  });

  const open: Row = {
    flags: {
      QT_ENABLE_EXECUTION: text('true'),
      QT_ENABLE_AI_TRADING: text('true'),
      QT_PAPER_TRADING: text('false'),
      EMERGENCY_MODE: text('false'),
      CIRCUIT_BREAKER_TRIGGERED: text('false'),
      QT_MAX_CAPITAL_ALLOCATION: text('0.25'),
      QT_MAX_POSITIONS: text('5'),
    },
    latch: latches[0]!,
    lease: leases[0]!,
    level: stages[0]!,
  };
  const codes = (row: Row) => modeOf(row).reasons.map((reason) => reason.code);

  it('names every reason at once, so that the operator need not find them one by one', () => {
    expect(
      codes({
        flags: {
          ...open.flags,
          QT_ENABLE_AI_TRADING: text('false'),
          EMERGENCY_MODE: { kind: 'missing' },
          QT_MAX_POSITIONS: text('five'),
          QT_ENABLE_EXECUTION: text('false'),
        },
        latch: latches[1]!,
        lease: leases[1]!,
        level: stages[3]!,
      }),
    ).toEqual([
      'flag_missing',
      'flag_malformed',
      'ai_trading_off',
      'execution_off',
      'latch_tripped',
      'lease_expired',
      'level_paper_only',
    ]);
  });
  it('quotes the malformed text', () => {
    const { reasons } = modeOf({ ...open, flags: { ...open.flags, QT_PAPER_TRADING: text('True ') } });
    expect(reasons[0]).toEqual({
      code: 'flag_malformed',
      message: 'QT_PAPER_TRADING must be exactly true or false, not "True "',
    });
  });
  it('does not believe a lease that ends later than any that is granted', () => {
    expect(codes({ ...open, lease: leases[2]! })).toEqual(['lease_implausible']);
  });
  it('is open at the last ms of the lease and closed at its end', () => {
    const at = (leaseUntilMs: number) =>
      modeOf({ ...open, lease: { state: 'value', value: leaseUntilMs } }).mode;
    expect(at(NOW_MS + 1)).toBe('LIVE');
    expect(at(NOW_MS)).toBe('OFF');
  });
  it('is OFF when the clock is not a number', () => {
    const flags = parseFlags(new Map(Object.entries(open.flags)));
    expect(effectiveMode({ ...open, flags, nowMs: Number.NaN }).mode).toBe('OFF');
  });
});
