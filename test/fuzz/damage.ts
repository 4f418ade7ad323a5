// Damages a document as programs, proxies and people do: a value of another kind, a field that is gone, twice or renamed, text that is
// cut, bytes that flipped.
import fc from 'fast-check';

const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  false,
  '',
  ' ',
  '0',
  '-0',
  '-1',
  '1e99',
  '-1e99',
  '1e999',
  '0x10',
  '1,5',
  'NaN',
  'Infinity',
  'null',
  '<html>',
  '__proto__',
  'x'.repeat(100_000),
  '9'.repeat(41),
  0,
  -0,
  -1,
  0.5,
  1e308,
  Number.MAX_SAFE_INTEGER + 2,
  [],
  [[]],
  [null],
  {},
  { a: 1 },
  JSON.parse('{"__proto__": {"symbol": "BTCUSDT"}}'),
  Array.from({ length: 2_000 }, () => 0),
];

type Path = readonly (string | number)[];

function pathsOf(node: unknown, path: Path = []): Path[] {
  const children: [string | number, unknown][] = Array.isArray(node)
    ? node.map((child, index) => [index, child])
    : typeof node === 'object' && node !== null
      ? Object.entries(node)
      : [];
  return [path, ...children.flatMap(([key, child]) => pathsOf(child, [...path, key]))];
}

/** What holds the path's end. */
const holderOf = (path: Path, root: object) =>
  path.slice(0, -1).reduce((node, key) => Reflect.get(node, key) as object, root) as Record<
    string | number,
    unknown
  >;

type Edit = (holder: Record<string | number, unknown>, key: string | number) => void;

const edits: fc.Arbitrary<Edit> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(...ODD_VALUES).map(
      (value): Edit =>
        (holder, key) => {
          holder[key] = structuredClone(value);
        },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.anything({ maxDepth: 2 }).map(
      (value): Edit =>
        (holder, key) => {
          holder[key] = value;
        },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constant<Edit>((holder, key) => {
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constant<Edit>((holder, key) => {
      if (Array.isArray(holder)) holder.push(structuredClone(holder[Number(key)]));
      else holder[`${key} `] = holder[key];
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constant<Edit>((holder, key) => {
      const value = holder[key];
      if (typeof value === 'string') holder[key] = value.startsWith('-') ? value.slice(1) : `-${value}`;
      if (typeof value === 'number') holder[key] = -value;
    }),
  },
);

/** The document after one to three changes, each anywhere in it. */
export function damaged(document: unknown): fc.Arbitrary<unknown> {
  return fc.array(fc.tuple(fc.nat(), edits), { minLength: 1, maxLength: 3 }).map((changes) => {
    const root = { document: structuredClone(document) as unknown };
    for (const [at, edit] of changes) {
      const paths = pathsOf(root.document, ['document']);
      const path = paths[at % paths.length]!;
      edit(holderOf(path, root), path.at(-1)!);
    }
    return root.document;
  });
}

/** The document, once for each of its numbers, with that one beyond what a double holds: JSON.parse reads it as infinite. */
export const overflowing = (document: unknown): string[] =>
  pathsOf({ document }).flatMap((path) => {
    const root = structuredClone({ document }) as object;
    const holder = holderOf(path, root);
    const key = path.at(-1);
    if (key === undefined || typeof Reflect.get(holder, key) !== 'number') return [];
    Reflect.set(holder, key, '1e999');
    return JSON.stringify(Reflect.get(root, 'document')).replace('"1e999"', '1e999');
  });

/** The bytes after a cut or a few changed ones. */
export function damagedBytes(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat(Math.max(0, bytes.length - 1)), fc.integer({ min: 0, max: 255 }));
  return fc
    .record({
      changes: fc.array(change, { minLength: 1, maxLength: 6 }),
      length: fc.nat(bytes.length),
      isCut: fc.boolean(),
    })
    .map(({ changes, length, isCut }) => {
      const copy = Uint8Array.from(isCut ? bytes.subarray(0, length) : bytes);
      for (const [at, byte] of changes) if (at < copy.length) copy[at] = byte;
      return copy;
    });
}
