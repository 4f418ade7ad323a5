// One conditional write of one item, as data. The rule of the gate is written once as such a plan: the DynamoDB adapter
// turns it into one UpdateItem, memory applies it as below, and so the two cannot mean different things.
//
// The language holds only what one ConditionExpression can say: an attribute compared with a value, never with a sum.

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

function changed(item: MapAttribute, path: AnyPath, change: ItemChange<AnyPath>): MapAttribute {
  const [key, ...rest] = path as [string, ...string[]];
  if (rest.length > 0) return { ...item, [key]: changed(item[key] as MapAttribute, rest, change) };
  if ('remove' in change) {
    const { [key]: _, ...others } = item;
    return others;
  }
  return { ...item, [key]: 'set' in change ? change.set : (item[key] as number) + change.add };
}

/** First denial of a plan on an item as it was read; undefined when every condition holds. */
export function firstDenial<Denial>(item: object, plan: ItemPlan<AnyPath, Denial>): Denial | undefined {
  return plan.conditions.find((condition) => !holds(item as MapAttribute, condition))?.denial;
}

/** The item after the plan's changes; its conditions are not looked at. */
export function applyChanges<Item extends object>(item: Item, plan: ItemPlan<AnyPath, unknown>): Item {
  return plan.changes.reduce<MapAttribute>(
    (current, change) => changed(current, change.path, change),
    item as unknown as MapAttribute,
  ) as unknown as Item;
}
