// Reads what of an ONNX model decides how much it computes, and refuses every field that the trainers do not write: external data,
// subgraphs, local functions and sparse tensors have no place in a model whose bytes the manifest's hash must cover.
import { FieldReader } from './field-reader.ts';

/** Shape of a value; its content too where it is a small tensor of integers, for shapes are computed with those. */
export interface Value {
  readonly dims: readonly number[];
  /** Of what the file holds; of what is computed it is not known. */
  readonly type?: string | undefined;
  readonly integers?: readonly number[] | undefined;
}

export interface Attribute {
  readonly integer: number;
  readonly floatCount: number;
  readonly integers: readonly number[];
  readonly text: string;
  readonly strings: readonly string[];
  readonly tensor: Value | undefined;
  /** Of a tensor of bytes, which only trees hold. */
  readonly octets: Uint8Array | undefined;
}

export interface GraphNode {
  readonly operator: string;
  /** '' where an optional one is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

/** As the graph declares it. */
export interface GraphInput {
  readonly name: string;
  readonly type: string;
  /** A text where the size is open. */
  readonly shape: readonly (number | string)[];
}

export interface Graph {
  readonly inputs: readonly GraphInput[];
  readonly initializers: ReadonlyMap<string, Value>;
  readonly nodes: readonly GraphNode[];
}

const OPSETS: ReadonlyMap<string, readonly number[]> = new Map([
  ['', [17]],
  // 3 is what models were exported to before.
  ['ai.onnx.ml', [3, 5]],
]);
export const FLOAT = 1;
const UINT8 = 2;
export const INT64 = 7;
const TYPE_NAMES = new Map([
  [FLOAT, 'float32'],
  [INT64, 'int64'],
]);
const decoder = new TextDecoder();
const BYTES_OF = new Map([
  [FLOAT, 4],
  [UINT8, 1],
  [INT64, 8],
]);
/** More integers than this are no shape. */
export const INTEGERS_MAX = 64;
const NODES_MAX = 10_000;
const PORTS_MAX = 64;
const RANK_MAX = 8;

/** Throws with one line when the bytes are not a model, or one that holds what no trainer of ours writes. */
export function readGraph(model: Uint8Array): Graph {
  const graphs: Uint8Array[] = [];
  const outer = new FieldReader(model);
  while (outer.next()) {
    if (outer.number === 7) graphs.push(outer.bytes);
    else if (outer.number === 8) checkOpset(outer.bytes);
    else if (outer.number > 2) refuseField('the model', outer);
  }
  if (graphs.length !== 1) throw new Error(`it holds ${graphs.length} graphs, must be one`);
  const inputs: GraphInput[] = [];
  const initializers = new Map<string, Value>();
  const nodes: GraphNode[] = [];
  const field = new FieldReader(graphs[0]!);
  while (field.next()) {
    if (field.number === 1) nodes.push(readNode(field.bytes));
    else if (field.number === 5) {
      const { name, value } = readTensor(field.bytes);
      if (initializers.has(name)) throw new Error(`it holds the tensor ${printable(name)} twice`);
      initializers.set(name, value);
    } else if (field.number === 11) inputs.push(readInput(field.bytes));
    else if (field.number !== 2 && field.number !== 12) refuseField('the graph', field);
    if (nodes.length > NODES_MAX) throw new Error(`it has more than ${NODES_MAX} nodes`);
  }
  return { inputs, initializers, nodes };
}

function checkOpset(bytes: Uint8Array): void {
  let domain = '';
  let version = 0;
  const field = new FieldReader(bytes);
  while (field.next())
    if (field.number === 1) domain = field.text;
    else version = field.integer;
  const wanted = OPSETS.get(domain);
  if (!wanted?.includes(version))
    throw new Error(
      `it needs Opset ${version} of ${printable(domain || 'ai.onnx')}, must be ${wanted?.join(' or ') ?? 'none of that domain'}`,
    );
}

function readNode(bytes: Uint8Array): GraphNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, Attribute>();
  let type = '';
  let domain = '';
  const field = new FieldReader(bytes);
  while (field.next()) {
    if (field.number === 1) inputs.push(field.text);
    else if (field.number === 2) outputs.push(field.text);
    else if (field.number === 4) type = field.text;
    else if (field.number === 5) {
      const { name, attribute } = readAttribute(field.bytes);
      if (attributes.has(name)) throw new Error(`a node has the attribute ${printable(name)} twice`);
      attributes.set(name, attribute);
    } else if (field.number === 7) domain = field.text;
    else if (field.number !== 3) refuseField('a node', field);
    if (inputs.length > PORTS_MAX || outputs.length > PORTS_MAX)
      throw new Error(`a node has more than ${PORTS_MAX} inputs or outputs`);
  }
  return { operator: domain === '' ? type : `${domain}.${type}`, inputs, outputs, attributes };
}

function readAttribute(bytes: Uint8Array): { name: string; attribute: Attribute } {
  let name = '';
  let integer = 0;
  let floatCount = 0;
  let text = '';
  let held: { value?: Value; octets?: Uint8Array } = {};
  const integers: number[] = [];
  const strings: string[] = [];
  const field = new FieldReader(bytes);
  while (field.next()) {
    if (field.number === 1) name = field.text;
    else if (field.number === 3) integer = field.integer;
    else if (field.number === 4) text = field.text;
    else if (field.number === 5) held = readHeld(field.bytes);
    else if (field.number === 8) field.appendIntegers(integers);
    else if (field.number === 9) field.appendTexts(strings);
    else if (field.number === 7) floatCount += field.countBytes() / 4;
    else if (field.number !== 2 && field.number !== 20) refuseField('an attribute', field);
  }
  const { value: tensor, octets } = held;
  return { name, attribute: { integer, integers, floatCount, text, strings, tensor, octets } };
}

/** The tensor of an attribute: of bytes, or of a type that values may have. */
function readHeld(bytes: Uint8Array): { value?: Value; octets?: Uint8Array } {
  const { type, dims, raw, value } = readTensor(bytes, [UINT8]);
  if (type !== UINT8) return { value };
  return dims.length === 1 && raw !== undefined ? { octets: raw } : {};
}

function readTensor(
  bytes: Uint8Array,
  alsoOfTypes: readonly number[] = [],
): { name: string; type: number; dims: readonly number[]; raw: Uint8Array | undefined; value: Value } {
  const dims: number[] = [];
  const listed: number[] = [];
  let name = '';
  let type = 0;
  let raw: Uint8Array | undefined;
  let floatBytes = 0;
  const field = new FieldReader(bytes);
  while (field.next()) {
    if (field.number === 1) field.appendIntegers(dims);
    else if (field.number === 2) type = field.integer;
    else if (field.number === 4) floatBytes += field.countBytes();
    else if (field.number === 7) field.appendIntegers(listed);
    else if (field.number === 8) name = field.text;
    else if (field.number === 9) raw = field.bytes;
    else refuseField('a tensor', field);
  }
  const count = countOf(dims);
  const held = type === FLOAT ? floatBytes / 4 : listed.length;
  const inRaw = (raw?.length ?? 0) / (BYTES_OF.get(type) ?? Number.NaN);
  if (!TYPE_NAMES.has(type) && !alsoOfTypes.includes(type))
    throw new Error(`a tensor is of type ${type}, must be float32 or int64`);
  if (held + inRaw !== count) throw new Error(`a tensor of shape [${dims}] holds ${held + inRaw} values`);
  const integers = type === INT64 && count <= INTEGERS_MAX ? integersOf(raw, listed) : undefined;
  return { name, type, dims, raw, value: { dims, type: TYPE_NAMES.get(type), integers } };
}

function integersOf(raw: Uint8Array | undefined, listed: readonly number[]): number[] {
  if (raw === undefined) return [...listed];
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  return Array.from({ length: raw.length / 8 }, (_, index) => Number(view.getBigInt64(index * 8, true)));
}

function readInput(bytes: Uint8Array): GraphInput {
  const tensorType = inner(inner(bytes, 2), 1);
  const shape: (number | string)[] = [];
  const dimensions = new FieldReader(inner(tensorType, 2));
  while (dimensions.next()) {
    const size = new FieldReader(dimensions.bytes);
    shape.push(size.next() && size.number === 1 ? size.integer : 'rows');
  }
  let type = 0;
  const element = new FieldReader(tensorType);
  while (element.next()) if (element.number === 1) type = element.integer;
  return { name: decoder.decode(inner(bytes, 1)), type: TYPE_NAMES.get(type) ?? `type ${type}`, shape };
}

/** The bytes of the last field of that number; none where it is missing. */
function inner(message: Uint8Array, number: number): Uint8Array {
  let found: Uint8Array = new Uint8Array(0);
  const field = new FieldReader(message);
  while (field.next()) if (field.number === number) found = field.bytes;
  return found;
}

/** Elements of a tensor of that shape. Throws for a size that is none. */
export function countOf(dims: readonly number[]): number {
  if (dims.length > RANK_MAX || dims.some((size) => !Number.isSafeInteger(size) || size < 0))
    throw new Error(`[${dims}] is no shape`);
  return dims.reduce((product, size) => product * size, 1);
}

const refuseField = (where: string, { number }: FieldReader): never => {
  throw new Error(
    `${where} holds ${FORBIDDEN[where]?.[number] ?? `field ${number}`}, which no trainer writes`,
  );
};

const FORBIDDEN: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  'the model': { 20: 'training information', 25: 'local functions' },
  'the graph': { 15: 'a sparse tensor' },
  'an attribute': { 6: 'a subgraph', 11: 'subgraphs', 22: 'a sparse tensor' },
  'a tensor': { 13: 'external data', 14: 'external data' },
};

/** A name out of the file, safe for a terminal. */
export const printable = (name: string): string => name.slice(0, 60).replace(/[^\x20-\x7e]/g, '?');
