// Where the decision about a held symbol turns: the last millisecond on one side, the first on the other, and each fact alone.
import { describe, expect, it } from 'vitest';
import type { OrderState } from '../../lib/execution/order-state.ts';
import { ADOPTED, type ProtectionFacts, planProtection } from '../../lib/execution/plan-protection.ts';
import { type OrderRecord, orderRecordSchema, type PositionRecord } from '../../lib/execution/records.ts';

const NOW_MS = 1_722_859_200_000;
const HELD = 0.01;
const LONG_AGO_MS = NOW_MS - 3_600_000;

const filled: OrderState = { status: 'filled', quantity: HELD, filledQuantity: HELD, averagePrice: 50_000 };
type Unfilled = Extract<OrderState, { filledQuantity: 0 }>['status'];
const unfilled = (status: Unfilled): OrderState => ({
  ...{ status, quantity: HELD, filledQuantity: 0, averagePrice: null },
});

const order = (leg: OrderRecord['leg'], change: Partial<OrderRecord> = {}): OrderRecord =>
  orderRecordSchema.parse({
    ...{ clientOrderId: leg, symbol: 'BTCUSDT', leg, side: 'BUY', quantity: HELD, stopPrice: 49_000 },
    ...{ exitDueMs: NOW_MS + 1, barOpenTimeMs: LONG_AGO_MS, ensembleId: 'e', referencePrice: null },
    ...{
      notionalMicroUsdt: 0,
      state: filled,
      authorisedEpoch: 1,
      filledAtMs: LONG_AGO_MS,
      bookedQuantity: 0,
    },
    ...{ bookedFeeMicroUsdt: 0, note: '', createdAtMs: LONG_AGO_MS, updatedAtMs: LONG_AGO_MS },
    ...change,
  });
const openStop = (change: Partial<OrderRecord> = {}) =>
  order('stop', { state: unfilled('acknowledged'), filledAtMs: null, ...change });

const position: PositionRecord = {
  ...{ symbol: 'BTCUSDT', side: 'BUY', quantity: HELD, entryPrice: 50_000, entryClientOrderId: 'entry' },
  ...{ stopPrice: 49_000, stopClientOrderId: 'stop', stopSequence: 0, unprotectedSinceMs: null },
  ...{ exitClientOrderId: null, exitSequence: null, exitDueMs: NOW_MS + 1, openedAtMs: LONG_AGO_MS },
};

/** A position of ours behind its stop, with nothing to be done. */
const quiet: ProtectionFacts = {
  ...{ nowMs: NOW_MS, heldQuantity: HELD, isAdoptable: false, position },
  entry: { authorisedAtMs: LONG_AGO_MS, record: order('entry') },
  ...{ stop: openStop(), exit: undefined, isStopFound: false },
  listedStops: [{ clientOrderId: 'stop', quantity: HELD, closesPosition: false }],
  ...{ knowsStops: true, earlierStopIds: [], epoch: { number: 1, sinceMs: LONG_AGO_MS } },
};
const actOf = (change: Partial<ProtectionFacts>) => planProtection({ ...quiet, ...change });
const entryIs = (record: OrderRecord | undefined, authorisedAtMs = LONG_AGO_MS) => ({
  entry: { authorisedAtMs, record },
});

it('is nothing for a position behind its stop', () => {
  expect(actOf({})).toMatchObject({ act: 'keep', surplus: [], unprotectedSinceMs: null });
});

describe('what is held without a position', () => {
  const without = (change: Partial<ProtectionFacts>) => actOf({ position: undefined, ...change }).act;

  it('is recorded by an entry that has filled, and adopted where that came to nothing', () => {
    expect(without({})).toBe('record');
    expect(without(entryIs(order('entry', { state: unfilled('rejected') })))).toBe('adopt');
  });

  it('waits for an entry that may still fill, however long ago that was authorised', () => {
    expect(without(entryIs(order('entry', { state: unfilled('acknowledged') })))).toBe('wait');
  });

  it('waits a minute for an entry that is not written down', () => {
    expect(without(entryIs(undefined, NOW_MS - 60_000))).toBe('wait');
    expect(without(entryIs(undefined, NOW_MS - 60_001))).toBe('adopt');
  });
});

describe('why a position is closed', () => {
  const reasonOf = (change: Partial<ProtectionFacts>) => {
    const act = actOf(change);
    return act.act === 'close' ? act.reason : act.act;
  };
  const due = (exitDueMs: number) => ({ position: { ...position, exitDueMs } });
  const adopted = entryIs(order('entry', { ensembleId: ADOPTED, authorisedEpoch: null }));

  it('its horizon, from that moment on', () => {
    expect(reasonOf(due(NOW_MS))).toBe('horizon');
    expect(reasonOf(due(NOW_MS + 1))).toBe('keep');
  });

  it('nobody decided it, once it is due', () => {
    expect(reasonOf({ ...adopted, ...due(NOW_MS) })).toBe('adopted');
    expect(reasonOf({ ...adopted, ...due(NOW_MS + 1) })).toBe('keep');
  });

  it('filled after the epoch that allowed it had ended, and for no less', () => {
    const sinceMs = LONG_AGO_MS;
    const late = entryIs(order('entry', { filledAtMs: sinceMs + 1 }));
    const ended = { epoch: { number: 2, sinceMs } };
    expect(reasonOf({ ...late, ...ended })).toBe('withdrawn');
    expect(reasonOf({ ...late, epoch: undefined })).toBe('keep');
    expect(reasonOf({ ...late, epoch: { number: 1, sinceMs } })).toBe('keep');
    expect(reasonOf({ ...entryIs(order('entry', { filledAtMs: sinceMs })), ...ended })).toBe('keep');
    const free = entryIs(order('entry', { filledAtMs: sinceMs + 1, authorisedEpoch: null }));
    expect(reasonOf({ ...free, ...ended })).toBe('keep');
  });

  it('by when its record was opened, where nobody knows when it filled', () => {
    const unknown = entryIs(order('entry', { filledAtMs: null }));
    const opened = (openedAtMs: number) => ({ position: { ...position, openedAtMs } });
    const ended = { epoch: { number: 2, sinceMs: LONG_AGO_MS } };
    expect(reasonOf({ ...unknown, ...ended, ...opened(LONG_AGO_MS + 1) })).toBe('withdrawn');
    expect(reasonOf({ ...unknown, ...ended, ...opened(LONG_AGO_MS) })).toBe('keep');
  });

  it('not twice: while an exit is under way it stays behind its stop', () => {
    const exit = (status: Unfilled) => ({ exit: order('exit', { state: unfilled(status) }) });
    expect(reasonOf({ ...due(NOW_MS), ...exit('acknowledged') })).toBe('keep');
    expect(reasonOf({ ...due(NOW_MS), ...exit('rejected') })).toBe('horizon');
  });
});

describe('a stop that is not in the list', () => {
  const unlisted = (change: Partial<ProtectionFacts>) => actOf({ listedStops: [], ...change });
  const since = (ms: number) => ({ position: { ...position, unprotectedSinceMs: NOW_MS - ms } });
  const unread = { knowsStops: false };

  it('is on its way for ten seconds', () => {
    const sent = (msAgo: number) => ({ stop: openStop({ createdAtMs: NOW_MS - msAgo }) });
    expect(unlisted(sent(10_000))).toMatchObject({ act: 'wait_for_stop', why: 'on_its_way' });
    expect(unlisted(sent(10_001))).toMatchObject({ act: 'place_stop' });
    expect(unlisted({ ...unread, ...sent(10_001) })).toMatchObject({ act: 'wait_for_stop', why: 'unknown' });
  });

  it('covers where it was just found, and the list was not read, by all that is held', () => {
    const found = { ...unread, isStopFound: true };
    expect(unlisted(found)).toMatchObject({ act: 'keep', stopClientOrderId: 'stop' });
    expect(unlisted({ ...found, stop: openStop({ quantity: HELD / 2 }) })).toMatchObject({ why: 'unknown' });
    expect(unlisted(unread)).toMatchObject({ act: 'wait_for_stop', why: 'unknown' });
  });

  it('is waited for 45 s, and then the position is closed', () => {
    expect(unlisted({ ...unread, ...since(45_000) })).toMatchObject({ act: 'wait_for_stop' });
    expect(unlisted({ ...unread, ...since(45_001) })).toMatchObject({ act: 'close', reason: 'unprotected' });
  });

  it('is placed anew, after 45 s with the position closed if that is not sure, unless its exit is under way', () => {
    const exit = order('exit', { state: unfilled('acknowledged') });
    expect(unlisted({})).toMatchObject({ closeIfUnsure: false, unprotectedSinceMs: NOW_MS });
    expect(unlisted(since(45_000))).toMatchObject({ act: 'place_stop', closeIfUnsure: false });
    expect(unlisted(since(45_001))).toMatchObject({ act: 'place_stop', closeIfUnsure: true });
    expect(unlisted({ ...since(45_001), exit })).toMatchObject({ act: 'place_stop', closeIfUnsure: false });
  });
});

describe('a position that is shown after its stop or exit has filled all of it', () => {
  const due = { ...position, exitDueMs: NOW_MS, exitClientOrderId: 'exit' };
  const closedBy = (leg: 'stop' | 'exit', change: Partial<OrderRecord> = {}) =>
    actOf({ position: due, [leg]: order(leg, { filledAtMs: NOW_MS - 20_000, ...change }) });

  it.each(['stop', 'exit'] as const)('waits for 20 s after its %s, and is then held', (leg) => {
    expect(closedBy(leg)).toEqual({ act: 'wait', why: 'closed_just_now' });
    expect(closedBy(leg, { filledAtMs: NOW_MS + 20_000 }).act).toBe('wait');
    expect(closedBy(leg, { filledAtMs: NOW_MS - 20_001 }).act).toBe('close');
    expect(closedBy(leg, { filledAtMs: NOW_MS + 20_001 }).act).toBe('close');
    expect(closedBy(leg, { filledAtMs: null }).act).toBe('close');
  });

  it('is held where less was filled, or something else is shown than was held before', () => {
    const half = { ...filled, quantity: HELD / 2, filledQuantity: HELD / 2 } as OrderState;
    const part = { ...filled, status: 'cancelled' } as OrderState;
    expect(closedBy('exit', { state: half }).act).toBe('close');
    expect(closedBy('exit', { state: part }).act).toBe('close');
    const exit = order('exit', { filledAtMs: NOW_MS });
    for (const quantity of [HELD / 2, HELD * 2])
      expect(actOf({ position: { ...due, quantity }, exit }).act).toBe('close');
  });
});
