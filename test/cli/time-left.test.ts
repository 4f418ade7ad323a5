// How long a long command still takes.
import { expect, test } from 'vitest';
import { createTimeLeft } from '../../cli/format/time-left.ts';

test('is told once enough of it is done, in proportion to what is left', () => {
  let nowMs = 1_000;
  const timeLeft = createTimeLeft(() => nowMs);
  nowMs += 2_000;
  expect(timeLeft({ done: 1, of: 10 })).toBe('');
  nowMs += 8_000;
  expect(timeLeft({ done: 2, of: 10 })).toBe(', 40 s left');
  expect(timeLeft({ done: 2, of: 100 })).toBe(', 9 min left');
  expect(timeLeft({ done: 0, of: 10 })).toBe('');
  expect(timeLeft({ done: 10, of: 10 })).toBe('');
});
