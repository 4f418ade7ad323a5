// Flags in memory: what Parameter Store's hold, as far as a backtest needs it.
import { expect, test } from 'vitest';
import { createMemoryFlagStore } from '../../../lib/adapters/memory/memory-flag-store.ts';
import { StoreError } from '../../../lib/core/store-error.ts';
import { FLAG_NAMES, FLAGS, parseFlags } from '../../../lib/risk/flags.ts';

test('begins as the local system does, every flag understood', async () => {
  const states = parseFlags(await createMemoryFlagStore().read(FLAG_NAMES));
  for (const name of FLAG_NAMES)
    expect(states[name]).toMatchObject({ state: 'value', value: expect.anything() });
  expect(states.QT_PAPER_TRADING).toEqual({ state: 'value', value: true });
});

test('reads what was written or given, and says what is missing', async () => {
  const flags = createMemoryFlagStore({ QT_MAX_POSITIONS: '3' });
  await flags.write('EMERGENCY_MODE', 'true');
  expect(await flags.read(['QT_MAX_POSITIONS', 'EMERGENCY_MODE', 'NO_FLAG'])).toEqual(
    new Map([
      ['QT_MAX_POSITIONS', { kind: 'text', text: '3' }],
      ['EMERGENCY_MODE', { kind: 'text', text: 'true' }],
      ['NO_FLAG', { kind: 'missing' }],
    ]),
  );
});

test('refuses to write what a flag does not allow, and leaves it as it was', async () => {
  const flags = createMemoryFlagStore();
  await expect(flags.write('QT_PAPER_TRADING', 'True ')).rejects.toThrow(StoreError);
  expect((await flags.read(['QT_PAPER_TRADING'])).get('QT_PAPER_TRADING')).toEqual({
    kind: 'text',
    text: FLAGS.QT_PAPER_TRADING.local,
  });
});
