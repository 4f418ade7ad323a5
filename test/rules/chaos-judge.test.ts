// The judge of npm run chaos sees what must not be: an invariant that nothing can violate shows nothing.
import { expect, it } from 'vitest';
import { type Invariant, Judge } from '../../scripts/chaos/invariants.ts';
import type { RunningProcess, Status } from '../../scripts/chaos/running-process.ts';

const AT_MS = Date.UTC(2024, 7, 5, 1);
const status = (over: Record<string, unknown> = {}): Status =>
  ({
    atMs: AT_MS,
    mode: 'PAPER',
    breaker: { latch: 'ARMED' },
    epoch: 1,
    leaseUntilMs: AT_MS + 150_000,
    positions: [],
    unread: [],
    ...over,
  }) as unknown as Status;
const tripped = status({ mode: 'OFF', breaker: { latch: 'TRIPPED' }, epoch: 2 });
const LATER = { atMs: AT_MS + 600_000, leaseUntilMs: null };
const unprotected = { positions: [{ symbol: 'BTCUSDT', unprotectedSinceMs: AT_MS }] };

it.each<[string, readonly Status[], readonly Invariant[]]>([
  ['nothing odd', [status(), tripped, tripped], []],
  ['a latch that is armed again', [tripped, status({ epoch: 3 })], ['latch', 'mode']],
  ['an epoch that falls', [status({ epoch: 2 }), status()], ['latch']],
  ['paper trading while tripped', [{ ...tripped, mode: 'PAPER' }], ['mode']],
  ['a gate that has gone after a trip', [tripped, status({ breaker: null, epoch: null })], ['latch', 'mode']],
  ['live trading', [status({ mode: 'LIVE' })], ['mode']],
  ['a lease of an hour', [status({ leaseUntilMs: AT_MS + 3_600_000 })], ['lease']],
  ['the same, not believed', [status({ leaseUntilMs: AT_MS + 3_600_000, mode: 'OFF' })], []],
  ['a position without a stop for minutes', [status(), status({ ...LATER, ...unprotected })], ['protected']],
  ['the same, and the latch has tripped', [tripped, { ...tripped, ...LATER, ...unprotected } as Status], []],
])('%s', (_, seen, violated) => {
  const judge = new Judge();
  for (const each of seen) judge.judge(each);
  expect(judge.violations.map(({ invariant }) => invariant)).toEqual(violated);
});

it.each<[string, Partial<RunningProcess>, readonly Invariant[]]>([
  ['one clear line', { ended: { code: 1, signal: null }, output: 'error: damaged; restore it\n' }, []],
  ['no line', { ended: { code: 1, signal: null }, output: '' }, ['restart']],
  ['a crash', { ended: { code: null, signal: 'SIGSEGV' }, output: 'error: x\n' }, ['restart']],
  [
    'a stack trace',
    { ended: { code: 1, signal: null }, output: 'error: x\nError: y\n    at f (a.ts:1:1)\n' },
    ['output'],
  ],
])('a start that ends with %s', (_, process, violated) => {
  const judge = new Judge();
  judge.judgeRefusal(process as RunningProcess);
  judge.judgeOutput(process as RunningProcess);
  expect(judge.violations.map(({ invariant }) => invariant)).toEqual(violated);
});
