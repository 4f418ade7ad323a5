// Paths of a plan are paths of the gate item: a wrong one does not compile.
import { describe, expectTypeOf, it } from 'vitest';
import type { GateItem, GatePlan } from '../../lib/risk/gate.ts';
import type { ItemPath } from '../../lib/risk/item-plan.ts';

type GatePath = ItemPath<GateItem>;

describe('a path of the gate item', () => {
  it('is one of its attributes, or one within a map of it', () => {
    expectTypeOf<['latch']>().toExtend<GatePath>();
    expectTypeOf<['leaseCodeVersion']>().toExtend<GatePath>();
    expectTypeOf<['authorised', string]>().toExtend<GatePath>();
    expectTypeOf<['authorised', string, 'atMs']>().toExtend<GatePath>();
    expectTypeOf<['reserved', string, 'notionalMicroUsdt']>().toExtend<GatePath>();
    expectTypeOf<['breaker', 'revision']>().toExtend<GatePath>();
  });

  it('is nothing else', () => {
    expectTypeOf<['latched']>().not.toExtend<GatePath>();
    expectTypeOf<['latch', 'length']>().not.toExtend<GatePath>();
    expectTypeOf<['reserved', string, 'symbol']>().not.toExtend<GatePath>();
    expectTypeOf<['breaker', 'causes', 'length']>().not.toExtend<GatePath>();
    expectTypeOf<[]>().not.toExtend<GatePath>();
    expectTypeOf<string[]>().not.toExtend<GatePath>();
  });

  it('is all that a plan takes', () => {
    const plan = {
      // @ts-expect-error the attribute is `epoch`
      conditions: [{ path: ['epochs'], equals: 1, denial: 'epoch_changed' }],
      // @ts-expect-error a reservation holds no such thing
      changes: [{ path: ['reserved', 'BTCUSDT', 'price'], set: 1 }],
    } satisfies GatePlan<string>;
    expectTypeOf(plan).toBeObject();
  });
});
