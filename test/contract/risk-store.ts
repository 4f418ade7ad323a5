// What every RiskStore keeps: one winner per conditional write, limits that hold under concurrency, records under revisions.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { InvariantError } from '../../lib/core/invariant.ts';
import { MINUTE_MS } from '../../lib/core/units.ts';
import { firstArmed, lostState } from '../../lib/risk/breaker/state.ts';
import {
  type AuthorisationContext,
  authorise,
  type ExposureOrder,
  type GateDenial,
  type GateItem,
  newGate,
  planAuthorisation,
  planBreakerWrite,
  planRelease,
} from '../../lib/risk/gate.ts';
import { LEASE_MS } from '../../lib/risk/latch.ts';
import type { RiskStore } from '../../lib/risk/ports.ts';

const NOW_MS = 1_722_816_000_000;
const LIMITS = {
  exposureMicroUsdt: 1_000_000_000,
  sideMicroUsdt: 950_000_000,
  netBetaMicroUsdt: 800_000_000,
  positions: 5,
};
const anything = z.unknown();

export const orderOf = (over: Partial<ExposureOrder> = {}): ExposureOrder => ({
  scope: 'paper',
  clientOrderId: 'qt-1',
  symbol: 'BTCUSDT',
  side: 'BUY',
  notionalMicroUsdt: 100_000_000,
  betaMicroUsdt: 120_000_000,
  ...over,
});
export const contextOf = (over: Partial<AuthorisationContext> = {}): AuthorisationContext => ({
  mode: 'PAPER',
  flagsReadAtMs: NOW_MS,
  epoch: 1,
  codeVersion: 'v1',
  limits: LIMITS,
  forget: [],
  nowMs: NOW_MS,
  ...over,
});
export const openGate = (over: Partial<GateItem> = {}): GateItem => ({
  ...newGate(firstArmed(NOW_MS - MINUTE_MS)),
  leaseUntilMs: NOW_MS + LEASE_MS,
  leaseCodeVersion: 'v1',
  ...over,
});
export function planOf(order: ExposureOrder, context = contextOf()) {
  const plan = planAuthorisation(order, context);
  if (!plan.ok) throw new Error(plan.error);
  return plan.value;
}

export function describeRiskStoreContract(
  name: string,
  open: () => Promise<{ store: RiskStore; close(): Promise<void> }>,
): void {
  describe(`risk store contract: ${name}`, () => {
    let store: RiskStore;
    let close: () => Promise<void>;
    beforeEach(async () => {
      ({ store, close } = await open());
    });
    afterEach(() => close());

    describe('gate', () => {
      it('is not there before it is created, is created once, and per scope', async () => {
        expect(await store.readGate('paper')).toBeUndefined();
        expect(await store.commit('paper', planOf(orderOf()))).toEqual({ ok: false, error: 'gate_missing' });
        expect(await store.readGate('paper')).toBeUndefined();
        const outcomes = await Promise.all(
          Array.from({ length: 10 }, (_, index) => store.createGate('paper', openGate({ epoch: index }))),
        );
        expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
        expect(await store.readGate('paper')).toEqual(openGate({ epoch: outcomes.indexOf('created') }));
        expect(await store.readGate('live')).toBeUndefined();
      });

      it('gives back what a write made of it, and reads the same', async () => {
        await store.createGate('paper', openGate({ authorised: { 'qt-old': { atMs: 1 } } }));
        const written = await store.commit('paper', planOf(orderOf(), contextOf({ forget: ['qt-old'] })));
        const expected = openGate({
          exposureMicroUsdt: 100_000_000,
          sideMicroUsdt: { BUY: 100_000_000, SELL: 0 },
          netBetaMicroUsdt: 120_000_000,
          positionCount: 1,
          authorised: { 'qt-1': { atMs: NOW_MS } },
          reserved: {
            BTCUSDT: {
              clientOrderId: 'qt-1',
              side: 'BUY',
              notionalMicroUsdt: 100_000_000,
              betaMicroUsdt: 120_000_000,
            },
          },
        });
        expect(written).toEqual({ ok: true, value: expected });
        expect(await store.readGate('paper')).toEqual(expected);
        const released = await store.commit('paper', planRelease(orderOf()));
        expect(released.ok && released.value).toEqual(openGate({ authorised: { 'qt-1': { atMs: NOW_MS } } }));
        expect(await store.commit('paper', planRelease(orderOf()))).toEqual({
          ok: false,
          error: 'not_reserved',
        });
      });

      const held = {
        ETHUSDT: {
          clientOrderId: 'qt-0',
          side: 'SELL' as const,
          notionalMicroUsdt: 950_000_000,
          betaMicroUsdt: -950_000_000,
        },
      };
      const denied: [GateDenial, Partial<GateItem>, Partial<ExposureOrder>][] = [
        ['latch_tripped', { latch: 'TRIPPED', epoch: 9, leaseUntilMs: 0 }, {}],
        ['epoch_changed', { epoch: 2, leaseUntilMs: 0 }, {}],
        ['lease_not_active', { leaseUntilMs: NOW_MS, positionCount: 5 }, {}],
        ['duplicate', { authorised: { 'qt-1': { atMs: 5 } }, positionCount: 5 }, {}],
        ['symbol_reserved', { reserved: held, positionCount: 5 }, { symbol: 'ETHUSDT' }],
        ['exposure_limit', { exposureMicroUsdt: 900_000_001, positionCount: 5 }, {}],
        ['side_limit', { sideMicroUsdt: { BUY: 850_000_001, SELL: 0 }, positionCount: 5 }, {}],
        ['beta_limit', { netBetaMicroUsdt: 680_000_001, positionCount: 5 }, {}],
        ['beta_limit', { netBetaMicroUsdt: -700_000_000 }, { side: 'SELL', betaMicroUsdt: -100_000_001 }],
        ['position_limit', { positionCount: 5 }, {}],
        [
          'ids_full',
          {
            authorised: Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`a${i}`, { atMs: 1 }])),
          },
          {},
        ],
      ];
      it.each(denied)('names the first denial, %s, and writes nothing', async (denial, gate, order) => {
        await store.createGate('paper', openGate(gate));
        expect(await store.commit('paper', planOf(orderOf(order)))).toEqual({ ok: false, error: denial });
        expect(await store.readGate('paper')).toEqual(openGate(gate));
      });

      it('takes any character in ids and symbols', async () => {
        await store.createGate('paper', openGate());
        for (const [index, symbol] of ['A.B', '#x', ':v0', 'a b', '1000币USDT', 'size', 'q\'"'].entries()) {
          const small = { notionalMicroUsdt: 1, betaMicroUsdt: 1 };
          const order = orderOf({ symbol, clientOrderId: `-_${index}`, ...small });
          const context = contextOf({ limits: { ...LIMITS, positions: 50 } });
          expect((await store.commit('paper', planOf(order, context))).ok).toBe(true);
          const gate = await store.readGate('paper');
          expect(gate?.reserved[symbol]?.clientOrderId).toBe(`-_${index}`);
        }
      });

      it('forgets 50 ids with one write', async () => {
        const forget = Array.from({ length: 50 }, (_, index) => `qt-${'o'.repeat(31)}${index}`);
        const authorised = Object.fromEntries(forget.map((id) => [id, { atMs: 1 }]));
        await store.createGate('paper', openGate({ authorised }));
        const written = await store.commit('paper', planOf(orderOf(), contextOf({ forget })));
        expect(written.ok && Object.keys(written.value.authorised)).toEqual(['qt-1']);
      });

      it('lets one of many requests for the same decision through', async () => {
        await store.createGate('paper', openGate());
        const results = await Promise.all(
          Array.from({ length: 20 }, () => authorise(orderOf(), contextOf(), store.commit)),
        );
        expect(results.filter((result) => result.ok)).toHaveLength(1);
        const denials = new Set(results.flatMap((result) => (result.ok ? [] : [result.error])));
        expect(denials).toEqual(new Set(['duplicate']));
      });

      it('never lets concurrent requests past the limits together', async () => {
        await store.createGate('paper', openGate());
        const requests = Array.from({ length: 20 }, (_, index) =>
          orderOf({
            clientOrderId: `qt-${index}`,
            symbol: `S${index}`,
            notionalMicroUsdt: 210_000_000 + index,
          }),
        );
        const results = await Promise.all(
          requests.map((order) => authorise(order, contextOf(), store.commit)),
        );
        const approved = results.flatMap((result) => (result.ok ? [result.value.order] : []));
        expect(approved).toHaveLength(4);
        const gate = await store.readGate('paper');
        expect(gate?.exposureMicroUsdt).toBe(
          approved.reduce((sum, order) => sum + order.notionalMicroUsdt, 0),
        );
        expect(gate?.exposureMicroUsdt).toBeLessThanOrEqual(LIMITS.exposureMicroUsdt);
        expect(Object.keys(gate?.reserved ?? {}).sort()).toEqual(approved.map(({ symbol }) => symbol).sort());
      });

      it('lets no request through that started before a trip and arrives after it', async () => {
        await store.createGate('paper', openGate());
        const previous = openGate().breaker;
        const current = { ...lostState(NOW_MS), epoch: 2, revision: 1 };
        const trip = planBreakerWrite({ previous, current, lease: undefined });
        const [tripped, ...results] = await Promise.all([
          store.commit('paper', trip),
          ...Array.from({ length: 10 }, (_, index) =>
            authorise(
              orderOf({ clientOrderId: `qt-${index}`, symbol: `S${index}`, notionalMicroUsdt: 1 }),
              contextOf({ limits: { ...LIMITS, positions: 50 } }),
              store.commit,
            ),
          ),
        ]);
        expect(tripped.ok).toBe(true);
        expect(await store.commit('paper', trip)).toEqual({ ok: false, error: 'breaker_moved' });
        const late = await authorise(orderOf({ symbol: 'LATE' }), contextOf(), store.commit);
        expect(late).toEqual({ ok: false, error: 'latch_tripped' });
        const gate = await store.readGate('paper');
        expect(gate).toMatchObject({ latch: 'TRIPPED', epoch: 2, breaker: current });
        // What was let through came before the trip, and is all that the gate holds.
        expect(gate?.positionCount).toBe(results.filter((result) => result.ok).length);
      });
    });

    describe('records', () => {
      const value = { text: 'é', list: [1, null, { deep: true }], number: 0.1, none: null, '-': -1.5e-7 };

      it('returns a record to the last bit, under its revision', async () => {
        expect(await store.get('paper', 'order#1', anything)).toBeUndefined();
        expect(await store.put('paper', 'order#1', value, { ifAbsent: true })).toBe('written');
        const first = await store.get('paper', 'order#1', anything);
        expect(first?.value).toEqual(value);
        expect(await store.put('paper', 'order#1', 'next', { ifRevision: first!.revision })).toBe('written');
        const second = await store.get('paper', 'order#1', anything);
        expect(second?.value).toBe('next');
        expect(second?.revision).toBeGreaterThan(first!.revision);
        expect(await store.get('live', 'order#1', anything)).toBeUndefined();
      });

      it('writes no name that DynamoDB refuses, however deep', async () => {
        for (const name of ['', 'x'.repeat(256)])
          for (const unstorable of [{ [name]: 1 }, { list: [{ deep: { [name]: null } }] }])
            await expect(store.put('paper', 'order#1', unstorable, { ifAbsent: true })).rejects.toThrow(
              /name that cannot be stored/,
            );
        expect(await store.get('paper', 'order#1', anything)).toBeUndefined();
      });

      it('writes and removes under the condition only', async () => {
        expect(await store.put('paper', 'k', 1, { ifRevision: 1 })).toBe('conflict');
        expect(await store.remove('paper', 'k', { ifRevision: 1 })).toBe('conflict');
        await store.put('paper', 'k', 1, { ifAbsent: true });
        expect(await store.put('paper', 'k', 2, { ifAbsent: true })).toBe('conflict');
        const { revision } = (await store.get('paper', 'k', anything))!;
        expect(await store.put('paper', 'k', 2, { ifRevision: revision + 1 })).toBe('conflict');
        expect(await store.remove('paper', 'k', { ifRevision: revision + 1 })).toBe('conflict');
        expect((await store.get('paper', 'k', anything))?.value).toBe(1);
        expect(await store.remove('paper', 'k', { ifRevision: revision })).toBe('removed');
        expect(await store.get('paper', 'k', anything)).toBeUndefined();
        expect(await store.list({ scope: 'paper', prefix: 'k' }, anything)).toEqual({
          records: [],
          problems: [],
        });
      });

      it('lets one of many writers at the same revision win', async () => {
        await store.put('paper', 'k', -1, { ifAbsent: true });
        const { revision } = (await store.get('paper', 'k', anything))!;
        const outcomes = await Promise.all(
          Array.from({ length: 10 }, (_, index) => store.put('paper', 'k', index, { ifRevision: revision })),
        );
        expect(outcomes.filter((outcome) => outcome === 'written')).toHaveLength(1);
        expect((await store.get('paper', 'k', anything))?.value).toBe(outcomes.indexOf('written'));
      });

      it('lists a prefix by key, from a key on, up to a key, from either end, and no more than asked for', async () => {
        await store.createGate('paper', openGate());
        for (const key of ['equity#3', 'equity#1', 'equity', 'equity#2', 'equit#9', 'equity$', 'order#1'])
          await store.put('paper', key, key, { ifAbsent: true });
        await store.put('live', 'equity#0', 0, { ifAbsent: true });
        const keys = async (query: {
          fromKey?: string;
          beforeKey?: string;
          newestFirst?: boolean;
          count?: number;
        }) =>
          (await store.list({ scope: 'paper', prefix: 'equity#', ...query }, anything)).records.map(
            (record) => record.key,
          );
        expect(await keys({})).toEqual(['equity#1', 'equity#2', 'equity#3']);
        expect(await keys({ newestFirst: true })).toEqual(['equity#3', 'equity#2', 'equity#1']);
        expect(await keys({ fromKey: 'equity#2' })).toEqual(['equity#2', 'equity#3']);
        expect(await keys({ fromKey: 'equity#2', newestFirst: true, count: 1 })).toEqual(['equity#3']);
        expect(await keys({ count: 2 })).toEqual(['equity#1', 'equity#2']);
        expect(await keys({ newestFirst: true, count: 2 })).toEqual(['equity#3', 'equity#2']);
        expect(await keys({ count: 0 })).toEqual([]);
        expect(await keys({ fromKey: 'equity#9' })).toEqual([]);
        expect(await keys({ beforeKey: 'equity#3' })).toEqual(['equity#1', 'equity#2']);
        expect(await keys({ beforeKey: 'equity#3', newestFirst: true, count: 1 })).toEqual(['equity#2']);
        expect(await keys({ beforeKey: 'equity#25', fromKey: 'equity#2' })).toEqual(['equity#2']);
        for (const fromKey of ['equity#2', 'equity#3'])
          expect(await keys({ fromKey, beforeKey: 'equity#2' })).toEqual([]);
        await expect(keys({ fromKey: 'order#1' })).rejects.toThrow(InvariantError);
        await expect(keys({ beforeKey: 'order#1' })).rejects.toThrow(InvariantError);
        const { records } = await store.list({ scope: 'paper', prefix: 'equity#' }, anything);
        expect(records[0]).toEqual({
          key: 'equity#1',
          value: 'equity#1',
          revision: (await store.get('paper', 'equity#1', anything))?.revision,
        });
      });

      it('lists what was written with a second key by that one, newest first, and what it became since', async () => {
        const at = (time: number, id: string) => `order#${String(time).padStart(13, '0')}#${id}`;
        const put = (id: string, value: unknown, listedAs?: string) =>
          store.put('paper', `order#${id}`, value, { ifAbsent: true, ...(listedAs && { listedAs }) });
        for (const [id, time] of [
          ['z', 10],
          ['a', 20],
          ['m', 20],
        ] as const)
          await put(id, { id }, at(time, id));
        await put('unlisted', {});
        await store.put('live', 'order#l', {}, { ifAbsent: true, listedAs: at(15, 'l') });
        await store.put('paper', 'audit#x', {}, { ifAbsent: true, listedAs: 'audit#0000000000015#x' });
        const listed = (query: { fromKey?: string; beforeKey?: string; count?: number }) =>
          store.list(
            { scope: 'paper', prefix: 'order#', newestFirst: true, listed: true, ...query },
            anything,
          );
        const keys = async (query = {}) => (await listed(query)).records.map(({ key }) => key);
        // An index may be a moment behind.
        await expect.poll(keys, { timeout: 30_000 }).toEqual([at(20, 'm'), at(20, 'a'), at(10, 'z')]);
        expect(await keys({ count: 2 })).toEqual([at(20, 'm'), at(20, 'a')]);
        expect(await keys({ beforeKey: at(20, 'a') })).toEqual([at(10, 'z')]);
        expect(await keys({ fromKey: 'order#0000000000011' })).toEqual([at(20, 'm'), at(20, 'a')]);

        const { revision } = (await store.get('paper', 'order#a', anything))!;
        await store.put(
          'paper',
          'order#a',
          { id: 'a', new: 1 },
          { ifRevision: revision, listedAs: at(20, 'a') },
        );
        const newest = async () => (await listed({ beforeKey: at(20, 'm'), count: 1 })).records[0]?.value;
        await expect.poll(newest, { timeout: 30_000 }).toEqual({ id: 'a', new: 1 });
        const strict = await store.list(
          { scope: 'paper', prefix: 'order#', listed: true },
          z.strictObject({ id: z.string() }),
        );
        expect(strict.problems).toMatchObject([
          { key: at(20, 'a'), message: expect.stringMatching(/paper\/order#a/), revision: revision + 1 },
        ]);
        await store.remove('paper', 'order#a', { ifRevision: revision + 1 });
        await expect.poll(keys, { timeout: 30_000 }).toEqual([at(20, 'm'), at(10, 'z')]);
      });

      it('names the record and the field of one that breaks its schema', async () => {
        await store.put('paper', 'order#x', { state: { status: 'lost' } }, { ifAbsent: true });
        const schema = z.object({ state: z.object({ status: z.enum(['filled']) }) });
        const error = await store.get('paper', 'order#x', schema).catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({ name: 'StoreError', retryable: false });
        expect((error as Error).message).toMatch(/paper\/order#x.*state\.status/);
      });

      it('lists the others beside one that breaks its schema, which it names; it counts among those looked at', async () => {
        for (const [key, status] of [
          ['order#a', 'filled'],
          ['order#b', 'lost'],
          ['order#c', 'filled'],
        ] as const)
          await store.put('paper', key, { state: { status } }, { ifAbsent: true });
        const schema = z.object({ state: z.object({ status: z.enum(['filled']) }) });
        const problem = {
          key: 'order#b',
          message: expect.stringMatching(/paper\/order#b.*state\.status/),
          value: { state: { status: 'lost' } },
          revision: expect.any(Number),
        };
        const query = { scope: 'paper' as const, prefix: 'order#' };
        const all = await store.list(query, schema);
        expect(all.records.map(({ key }) => key)).toEqual(['order#a', 'order#c']);
        expect(all.problems).toEqual([problem]);
        const two = await store.list({ ...query, newestFirst: true, count: 2 }, schema);
        expect(two.records.map(({ key }) => key)).toEqual(['order#c']);
        expect(two.problems).toEqual([problem]);
      });

      it('never stores what would not come back the same', async () => {
        for (const broken of [{ n: Number.NaN }, [Infinity], { u: undefined }, new Date(0), { f: () => 1 }])
          await expect(store.put('paper', 'k', broken, { ifAbsent: true })).rejects.toThrow(InvariantError);
        expect(await store.get('paper', 'k', anything)).toBeUndefined();
      });

      it('gives copies: what a caller does to a value stays with the caller', async () => {
        const mine = { a: [1] };
        await store.put('paper', 'k', mine, { ifAbsent: true });
        mine.a.push(2);
        const schema = z.object({ a: z.array(z.number()) });
        const read = (await store.get('paper', 'k', schema))!;
        read.value.a.push(3);
        expect((await store.get('paper', 'k', schema))?.value).toEqual({ a: [1] });
      });
    });
  });
}
