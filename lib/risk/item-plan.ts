// One conditional write of one item, as data. The rule of the gate is written once as such a plan: the DynamoDB adapter
// turns it into one UpdateItem, memory applies it as below, and so the two cannot mean different things.
//
// The language holds only what one ConditionExpression can say: an attribute compared with a value, never with a sum.
import { setMember } from '../core/json.ts';

/** From the item's root, e.g. ['authorised', id]: any attribute that is not an element of a list. Every map on the way must exist. */
export type ItemPath<Item> = Item extends readonly unknown[]
  ? never
  : Item extends object
    ? {
        [Key in keyof Item & string]-?: readonly [Key] | readonly [Key, ...ItemPath<NonNullable<Item[Key]>>];
      }[keyof Item & string]
    : never;

/** Every comparison is false for an attribute that is not there. `between` is inclusive, with low ≤ high. */
export type ItemCondition<Path, Denial> = { readonly path: Path; readonly denial: Denial } & (
  | { readonly equals: string | number }
  | { readonly between: readonly [low: number, high: number] }
  | { readonly absent: true }
  /** Of a map: fewer entries than this. */
  | { readonly sizeBelow: number }
);

/** No two changes of a plan may touch overlapping paths (DynamoDB refuses them). Removing what is not there is no error. */
export type ItemChange<Path> = { readonly path: Path } & (
  | { readonly set: unknown }
  | { readonly add: number }
  | { readonly remove: true }
);

/** @typeParam Path which attributes it may speak of: `ItemPath` of the item */
export interface ItemPlan<Path, Denial> {
  /** All must hold; the first that does not gives the denial. */
  readonly conditions: readonly ItemCondition<Path, Denial>[];
  readonly changes: readonly ItemChange<Path>[];
}

type AnyPath = readonly string[];
type MapAttribute = { readonly [key: string]: unknown };

const isMap = (value: unknown): value is MapAttribute => typeof value === 'object' && value !== null;

function attributeAt(item: MapAttribute, path: AnyPath): unknown {
  let value: unknown = item;
  for (const key of path) value = isMap(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return value;
}

function holds(item: MapAttribute, condition: ItemCondition<AnyPath, unknown>): boolean {
  const value = attributeAt(item, condition.path);
  if ('equals' in condition) return value === condition.equals;
  if ('absent' in condition) return value === undefined;
  if ('sizeBelow' in condition) return isMap(value) && Object.keys(value).length < condition.sizeBelow;
  const [low, high] = condition.between;
  return typeof value === 'number' && value >= low && value <= high;
}

type Changing = { [key: string]: unknown };

/** Carries out a change on a copy. @param copied the maps in it that are copies themselves: the others are the original's */
function change(item: Changing, { path, ...what }: ItemChange<AnyPath>, copied: Set<unknown>): void {
  let map = item;
  for (const key of path.slice(0, -1)) {
    if (!copied.has(map[key])) {
      setMember(map, key, { ...(map[key] as MapAttribute) });
      copied.add(map[key]);
    }
    map = map[key] as Changing;
  }
  const key = path.at(-1)!;
  if ('remove' in what) delete map[key];
  else setMember(map, key, 'set' in what ? what.set : (map[key] as number) + what.add);
}

/** First denial of a plan on an item as it was read; undefined when every condition holds. */
export function firstDenial<Denial>(item: object, plan: ItemPlan<AnyPath, Denial>): Denial | undefined {
  return plan.conditions.find((condition) => !holds(item as MapAttribute, condition))?.denial;
}

/** The item after the plan's changes; its conditions are not looked at. */
export function applyChanges<Item extends object>(item: Item, plan: ItemPlan<AnyPath, unknown>): Item {
  const after = { ...item };
  const copied = new Set<unknown>();
  for (const each of plan.changes) change(after as Changing, each, copied);
  return after;
}
