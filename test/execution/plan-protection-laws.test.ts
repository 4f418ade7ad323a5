// Laws of the decision about a held symbol, for any facts: what is held is never left alone for want of information, nothing that
// protects is cancelled, and nobody's second stop is placed beside one that may be there.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OrderStatus } from '../../lib/execution/order-state.ts';
import {
  ADOPTED,
  type ListedStop,
  type ProtectionAct,
  type ProtectionFacts,
  planProtection,
} from '../../lib/execution/plan-protection.ts';
import { type OrderRecord, orderRecordSchema, type PositionRecord } from '../../lib/execution/records.ts';

const NOW_MS = 1_722_859_200_000;
const side = fc.constantFrom('BUY', 'SELL');
const size = fc.integer({ min: 1, max: 20 }).map((n) => n / 1_000);
const ago = fc.integer({ min: 0, max: 200_000 }).map((ms) => NOW_MS - ms);
const around = fc.integer({ min: -200_000, max: 200_000 }).map((ms) => NOW_MS + ms);
const STATUSES: readonly OrderStatus[] = [
  'authorised',
  'acknowledged',
  'partially_filled',
  'filled',
  'rejected',
  'cancelled',
  'unknown',
];
const STOP_IDS = ['s0', 's1', 's2'] as const;

const anyOrder = (clientOrderId: string, leg: OrderRecord['leg']): fc.Arbitrary<OrderRecord> =>
  fc
    .record({ status: fc.constantFrom(...STATUSES), quantity: size, isPart: fc.boolean() })
    .map(({ status, quantity, isPart }) => {
      const isPartly =
        status === 'partially_filled' || ((status === 'cancelled' || status === 'unknown') && isPart);
      const filledQuantity = status === 'filled' ? quantity : isPartly ? quantity / 2 : 0;
      return { status, quantity, filledQuantity, averagePrice: filledQuantity > 0 ? 50_000 : null };
    })
    .chain((state) =>
      fc
        .record({
          side,
          createdAtMs: ago,
          filledAtMs: ago,
          epoch: fc.option(fc.integer({ min: 1, max: 3 })),
          isAdopted: fc.boolean(),
        })
        .map((about) =>
          orderRecordSchema.parse({
            clientOrderId,
            symbol: 'BTCUSDT',
            leg,
            side: about.side,
            quantity: state.quantity,
            stopPrice: 49_000,
            exitDueMs: NOW_MS,
            barOpenTimeMs: NOW_MS,
            ensembleId: about.isAdopted ? ADOPTED : 'e',
            referencePrice: null,
            notionalMicroUsdt: 0,
            state,
            authorisedEpoch: about.epoch,
            filledAtMs: state.filledQuantity > 0 ? about.filledAtMs : null,
            bookedQuantity: 0,
            bookedFeeMicroUsdt: 0,
            note: '',
            createdAtMs: about.createdAtMs,
            updatedAtMs: about.createdAtMs,
          }),
        ),
    );

const anyPosition: fc.Arbitrary<PositionRecord> = fc.record({
  symbol: fc.constant('BTCUSDT'),
  side,
  quantity: size,
  entryPrice: fc.constant(50_000),
  entryClientOrderId: fc.constant('entry'),
  stopPrice: fc.constant(49_000),
  stopClientOrderId: fc.option(fc.constantFrom(...STOP_IDS)),
  stopSequence: fc.constant(null),
  unprotectedSinceMs: fc.option(ago),
  exitClientOrderId: fc.option(fc.constant('exit')),
  exitSequence: fc.constant(null),
  exitDueMs: around,
  openedAtMs: ago,
});

const anyListed: fc.Arbitrary<ListedStop> = fc.record({
  clientOrderId: fc.constantFrom(...STOP_IDS, 'of others'),
  quantity: fc.option(size),
  closesPosition: fc.boolean(),
});

const anyFacts: fc.Arbitrary<ProtectionFacts> = fc
  .record({
    nowMs: fc.constant(NOW_MS),
    heldQuantity: fc.tuple(size, fc.constantFrom(1, -1)).map(([quantity, sign]) => quantity * sign),
    isAdoptable: fc.boolean(),
    position: fc.option(anyPosition, { nil: undefined }),
    entry: fc.option(
      fc.record({
        authorisedAtMs: fc.option(ago, { nil: undefined }),
        record: fc.option(anyOrder('entry', 'entry'), { nil: undefined }),
      }),
      { nil: undefined },
    ),
    stop: fc.option(anyOrder('stop', 'stop'), { nil: undefined }),
    exit: fc.option(anyOrder('exit', 'exit'), { nil: undefined }),
    isStopFound: fc.boolean(),
    listedStops: fc.uniqueArray(anyListed, { maxLength: 4, selector: ({ clientOrderId }) => clientOrderId }),
    knowsStops: fc.boolean(),
    earlierStopIds: fc.subarray([...STOP_IDS]),
    epoch: fc.option(fc.record({ number: fc.integer({ min: 1, max: 3 }), sinceMs: ago }), { nil: undefined }),
  })
  // A position always names an entry; its newest stop is none of the earlier ones.
  .map((facts) => ({
    ...facts,
    entry:
      facts.position === undefined
        ? facts.entry
        : (facts.entry ?? { authorisedAtMs: undefined, record: undefined }),
    earlierStopIds: facts.earlierStopIds.filter((id) => id !== facts.position?.stopClientOrderId),
  }));

const law = (check: (facts: ProtectionFacts, act: ProtectionAct) => void) =>
  fc.assert(
    fc.property(anyFacts, (facts) => check(facts, planProtection(facts))),
    { numRuns: 3_000 },
  );

/** The newest of the position's own stops that covers all that is held, as listed. */
const covering = (facts: ProtectionFacts) =>
  [...facts.earlierStopIds, facts.position?.stopClientOrderId].findLast((id) => {
    const stop = facts.listedStops.find(({ clientOrderId }) => clientOrderId === id);
    return stop && (stop.closesPosition || (stop.quantity ?? 0) >= Math.abs(facts.heldQuantity));
  });

describe('the decision about a held symbol', () => {
  it('makes every kind of act', () => {
    const seen = new Set<string>();
    law((_, { act }) => void seen.add(act));
    expect([...seen].sort()).toEqual([
      'adopt',
      'close',
      'keep',
      'place_stop',
      'record',
      'wait',
      'wait_for_stop',
    ]);
  });

  it('waits for an entry only while one may be under way', () => {
    law((facts, act) => {
      if (act.act !== 'wait' || act.why !== 'entry_under_way') return;
      expect(facts.isAdoptable).toBe(false);
      const { entry } = facts;
      if (entry === undefined) return;
      if (entry.record !== undefined) {
        expect(entry.record.state.filledQuantity).toBe(0);
        expect(['authorised', 'acknowledged', 'unknown']).toContain(entry.record.state.status);
      } else expect(NOW_MS - (entry.authorisedAtMs ?? 0)).toBeLessThanOrEqual(60_000);
    });
  });

  it('waits for positions that lag only seconds after all of what is shown was filled', () => {
    law((facts, act) => {
      if (act.act !== 'wait' || act.why !== 'closed_just_now') return;
      const held = Math.abs(facts.heldQuantity);
      expect(facts.position?.quantity).toBe(held);
      const closing = [facts.stop, facts.exit].filter((leg) => leg?.state.status === 'filled');
      expect(closing.some((leg) => leg!.quantity >= held && NOW_MS - leg!.filledAtMs! <= 20_000)).toBe(true);
    });
  });

  it('keeps a position, or names it protected, only behind a stop of its full size', () => {
    law((facts, act) => {
      if (!('unprotectedSinceMs' in act)) return;
      const isThere =
        covering(facts) !== undefined ||
        (!facts.knowsStops &&
          facts.isStopFound &&
          (facts.stop?.quantity ?? 0) >= Math.abs(facts.heldQuantity));
      if (act.act === 'keep' || act.unprotectedSinceMs === null) expect(isThere).toBe(true);
    });
  });

  it('takes any stop of its own that covers the position for its protection, and asks for no other', () => {
    law((facts, act) => {
      if (!('stopClientOrderId' in act)) return;
      const stays = covering(facts);
      expect(act.stopClientOrderId).toBe(stays ?? facts.position!.stopClientOrderId);
      if (stays !== undefined) expect(['place_stop', 'wait_for_stop']).not.toContain(act.act);
    });
  });

  it('never starts the clock of an unprotected position again', () => {
    law((facts, act) => {
      if (!('unprotectedSinceMs' in act) || act.unprotectedSinceMs === null) return;
      expect(act.unprotectedSinceMs).toBe(facts.position!.unprotectedSinceMs ?? NOW_MS);
    });
  });

  it('cancels no stop of others, and not the one that stays', () => {
    law((facts, act) => {
      if (!('surplus' in act)) return;
      expect(act.surplus).not.toContain('of others');
      const known = [...facts.earlierStopIds, facts.position!.stopClientOrderId];
      const listed = facts.listedStops.map(({ clientOrderId }) => clientOrderId);
      // All of ours that are listed, and nothing else: one protective stop at a time.
      const ours = listed.filter((id) => known.includes(id));
      const staying = act.act === 'keep' ? act.stopClientOrderId : undefined;
      expect([...act.surplus].sort()).toEqual(ours.filter((id) => id !== staying).sort());
    });
  });

  it('places no stop beside one that may be there, and leaves no position for long to one that only may be', () => {
    law((facts, act) => {
      if (act.act === 'place_stop') {
        const { stop } = facts;
        const isOpen = stop !== undefined && !['filled', 'rejected', 'cancelled'].includes(stop.state.status);
        expect(isOpen && !facts.knowsStops).toBe(false);
      }
      if (act.act !== 'wait_for_stop' || act.why === 'on_its_way') return;
      const isExiting =
        facts.exit !== undefined && !['filled', 'rejected', 'cancelled'].includes(facts.exit.state.status);
      expect(isExiting || NOW_MS - act.unprotectedSinceMs! <= 45_000).toBe(true);
    });
  });

  it('acts on the side that the account holds', () => {
    law((facts, act) => {
      const recorded = facts.position?.side;
      if (recorded !== undefined && (recorded === 'BUY') !== facts.heldQuantity > 0)
        expect(act.act).toBe('adopt');
      if (act.act === 'record') expect(act.entry.side === 'BUY').toBe(facts.heldQuantity > 0);
    });
  });

  it('keeps no position that is due, or was filled under an epoch that had ended, unless its exit is under way', () => {
    law((facts, act) => {
      if (act.act !== 'keep' && act.act !== 'place_stop' && act.act !== 'wait_for_stop') return;
      const { exit, epoch, position } = facts;
      if (exit !== undefined && !['filled', 'rejected', 'cancelled'].includes(exit.state.status)) return;
      expect(position!.exitDueMs).toBeGreaterThan(NOW_MS);
      const { authorisedEpoch, filledAtMs } = act.entry;
      const isVoid = epoch !== undefined && authorisedEpoch !== null && authorisedEpoch < epoch.number;
      expect(isVoid && filledAtMs! > epoch.sinceMs).toBe(false);
    });
  });

  it('needs the gate for nothing but the withdrawal of an entry', () => {
    law((facts, act) => {
      const without = planProtection({ ...facts, epoch: undefined });
      if (act.act === 'close' && act.reason === 'withdrawn') expect(without.act).not.toBe('adopt');
      else expect(without).toEqual(act);
    });
  });
});
