import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FLAG_NAMES, FLAGS, type FlagName, opensLive, parseFlag, parseFlags } from '../../lib/risk/flags.ts';

const BOOLEANS = FLAG_NAMES.filter((name) => FLAGS[name].kind === 'boolean');

describe('parseFlag', () => {
  it.each(BOOLEANS)('%s is exactly true or false', (name) => {
    expect(parseFlag(name, 'true')).toEqual({ ok: true, value: true });
    expect(parseFlag(name, 'false')).toEqual({ ok: true, value: false });
  });

  const malformed = [
    'True ',
    'TRUE',
    'True',
    ' true',
    'true ',
    'true\n',
    '1',
    '0',
    '',
    'yes',
    'null',
    '"true"',
  ];
  it.each(malformed)('refuses the boolean %j with one line that says what is allowed', (text) => {
    const parsed = parseFlag('QT_ENABLE_AI_TRADING', text);
    expect(parsed.ok).toBe(false);
    expect(!parsed.ok && parsed.error).toMatch(
      /^QT_ENABLE_AI_TRADING must be exactly true or false, not ".*"$/,
    );
  });

  it.each([
    ['0', 0],
    ['1', 1],
    ['1.0', 1],
    ['0.25', 0.25],
    ['0.000001', 0.000001],
  ])('reads the allocation %j', (text, value) => {
    expect(parseFlag('QT_MAX_CAPITAL_ALLOCATION', text)).toEqual({ ok: true, value });
  });
  it.each([
    '',
    '.5',
    '-0',
    '-0.1',
    '1.01',
    '1.1',
    '2',
    '1e-1',
    '0,5',
    '0.5 ',
    '50%',
    'NaN',
    '0x1',
    '00.5',
    '0.1234567',
  ])('refuses the allocation %j', (text) =>
    expect(parseFlag('QT_MAX_CAPITAL_ALLOCATION', text).ok).toBe(false),
  );

  it.each([
    ['0', 0],
    ['7', 7],
    ['99', 99],
    ['100', 100],
  ])('reads %j positions', (text, value) => {
    expect(parseFlag('QT_MAX_POSITIONS', text)).toEqual({ ok: true, value });
  });
  it.each(['', '-1', '101', '1.5', '1.0', '007', '1e2', 'ten', '9'.repeat(400), ' 5'])(
    'refuses %j positions',
    (text) => expect(parseFlag('QT_MAX_POSITIONS', text).ok).toBe(false),
  );

  it('repeats no more than the beginning of a long text', () => {
    expect(parseFlag('QT_MAX_POSITIONS', '9'.repeat(400))).toEqual({
      ok: false,
      error: `QT_MAX_POSITIONS must be an integer from 0 to 100, not "${'9'.repeat(40)}"`,
    });
  });
  it('keeps the error short and on one line, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...FLAG_NAMES),
        fc.string({ unit: 'binary', maxLength: 5000 }),
        (name, text) => {
          const parsed = parseFlag(name, text);
          if (parsed.ok) return;
          expect(parsed.error).not.toContain('\n');
          expect(parsed.error.length).toBeLessThan(400);
        },
      ),
    );
  });
});

describe('the defaults', () => {
  const read = (source: 'deployed' | 'local') =>
    Object.fromEntries(
      FLAG_NAMES.map((name: FlagName) => {
        const parsed = parseFlag(name, FLAGS[name][source]);
        return [name, parsed.ok ? parsed.value : parsed.error];
      }),
    );
  it('close everything after a deploy, with paper on', () => {
    expect(read('deployed')).toMatchObject({
      QT_ENABLE_EXECUTION: false,
      QT_ENABLE_AI_TRADING: false,
      QT_PAPER_TRADING: true,
      EMERGENCY_MODE: false,
      CIRCUIT_BREAKER_TRIGGERED: false,
      QT_MAX_CAPITAL_ALLOCATION: expect.any(Number),
      QT_MAX_POSITIONS: expect.any(Number),
    });
  });
  it('trade on paper, and only on paper, locally', () => {
    expect(read('local')).toMatchObject({
      QT_ENABLE_EXECUTION: false,
      QT_ENABLE_AI_TRADING: true,
      QT_PAPER_TRADING: true,
      EMERGENCY_MODE: false,
      CIRCUIT_BREAKER_TRIGGERED: false,
    });
  });
});

describe('parseFlags', () => {
  it('gives each flag its own state', () => {
    const state = parseFlags(
      new Map([
        ['QT_ENABLE_AI_TRADING', { kind: 'text', text: 'true' }],
        ['QT_PAPER_TRADING', { kind: 'text', text: 'True ' }],
        ['EMERGENCY_MODE', { kind: 'unreadable', message: 'throttled' }],
        ['QT_MAX_POSITIONS', { kind: 'text', text: '3' }],
        ['QT_MAX_CAPITAL_ALLOCATION', { kind: 'missing' }],
        ['UNKNOWN', { kind: 'text', text: 'true' }],
      ]),
    );
    expect(Object.keys(state)).toEqual(FLAG_NAMES);
    expect(state.QT_ENABLE_AI_TRADING).toEqual({ state: 'value', value: true });
    expect(state.QT_PAPER_TRADING.state).toBe('malformed');
    expect(state.EMERGENCY_MODE).toEqual({
      state: 'unreadable',
      message: 'EMERGENCY_MODE cannot be read: throttled',
    });
    expect(state.QT_MAX_POSITIONS).toEqual({ state: 'value', value: 3 });
    expect(state.QT_ENABLE_EXECUTION).toEqual({
      state: 'missing',
      message: 'QT_ENABLE_EXECUTION is not set',
    });
    expect(state.QT_MAX_CAPITAL_ALLOCATION.state).toBe('missing');
  });
});

describe('opensLive', () => {
  it('is of two flags, each by one value', () => {
    const opening = FLAG_NAMES.flatMap((name) =>
      ['true', 'false', ''].filter((value) => opensLive(name, value)).map((value) => [name, value]),
    );
    expect(Object.fromEntries(opening)).toEqual({ QT_PAPER_TRADING: 'false', QT_ENABLE_EXECUTION: 'true' });
    expect(opening).toHaveLength(2);
  });
});
