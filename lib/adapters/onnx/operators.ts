// The operators that the trainers write, and the shape that each gives: from the shapes of its inputs alone, so that what a model
// allocates and computes is known before it runs. An operator whose result depends on the data (Loop, NonZero, Range …) is none of these.
import {
  type Attribute,
  countOf,
  FLOAT,
  type GraphNode,
  INT64,
  INTEGERS_MAX,
  type Value,
} from './read-graph.ts';
import { checkTrees } from './tree-ensemble.ts';
import { checkTreeLists } from './tree-lists.ts';

interface Work {
  readonly outputs: readonly Value[];
  /** Multiply-adds; the elements of the outputs where nothing is said. */
  readonly operations?: number;
}

interface Operator {
  readonly attributes: readonly string[];
  /** Throws with one line when the inputs do not fit together. */
  readonly run: (call: Call) => Work;
}

/** One node with the values of its inputs. */
class Call {
  readonly node: GraphNode;
  readonly #inputs: readonly (Value | undefined)[];

  constructor(node: GraphNode, inputs: readonly (Value | undefined)[]) {
    this.node = node;
    this.#inputs = inputs;
  }

  get all(): Value[] {
    return this.node.inputs.map((_, index) => this.input(index));
  }

  input(index: number): Value {
    return this.optional(index) ?? fail(`lacks its input ${index + 1}`);
  }

  optional(index: number): Value | undefined {
    return this.#inputs[index];
  }

  /** The content of an input that must be known before the model runs. */
  integers(index: number): readonly number[] {
    return this.input(index).integers ?? fail('computes a shape from data');
  }

  attribute(name: string): Attribute | undefined {
    return this.node.attributes.get(name);
  }

  integer(name: string, otherwise: number): number {
    return this.attribute(name)?.integer ?? otherwise;
  }
}

function fail(problem: string): never {
  throw new Error(problem);
}

const give = (...outputs: Value[]): Work => ({ outputs });
const same: Operator['run'] = (call) => give({ dims: call.input(0).dims });

function axisOf(axis: number, rank: number): number {
  const found = axis < 0 ? axis + rank : axis;
  return Number.isInteger(found) && found >= 0 && found < rank ? found : fail(`has no axis ${axis}`);
}

function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    return left === right || right === 1 ? left : left === 1 ? right : fail(`cannot join [${a}] and [${b}]`);
  });
}

const elementwise =
  (compute?: (a: number, b: number) => number): Operator['run'] =>
  (call) => {
    const [first, ...others] = call.all;
    return give(others.reduce((a, b) => joinValues(a, b, compute), first ?? fail('has no input')));
  };

function joinValues(a: Value, b: Value, compute: ((a: number, b: number) => number) | undefined): Value {
  const dims = broadcast(a.dims, b.dims);
  const [left, right] = [a.integers, b.integers];
  if (compute === undefined || left === undefined || right === undefined) return { dims };
  const at = (values: readonly number[], index: number) => values[values.length === 1 ? 0 : index]!;
  const length = countOf(dims);
  const fits = [left, right].every((values) => values.length === 1 || values.length === length);
  if (!fits) return { dims };
  const integers = Array.from({ length }, (_, index) => compute(at(left, index), at(right, index)));
  // The runtime wraps around where a double rounds.
  if (![...left, ...right, ...integers].every(Number.isSafeInteger))
    return fail('computes too large a number');
  return { dims, integers };
}

function matMul(call: Call): Work {
  const [a, b] = [call.input(0).dims, call.input(1).dims];
  if (a.length < 2 || b.length < 2) return fail(`multiplies [${a}] and [${b}]`);
  const inner = a.at(-1)!;
  if (inner !== b.at(-2)) return fail(`cannot multiply [${a}] and [${b}]`);
  const dims = [...broadcast(a.slice(0, -2), b.slice(0, -2)), a.at(-2)!, b.at(-1)!];
  return { outputs: [{ dims }], operations: countOf(dims) * inner };
}

function gemm(call: Call): Work {
  const turned = (index: number, name: string) => {
    const { dims } = call.input(index);
    if (dims.length !== 2) return fail(`multiplies [${dims}]`);
    return call.integer(name, 0) === 0 ? dims : dims.toReversed();
  };
  const [rows, inner] = turned(0, 'transA');
  const [innerToo, columns] = turned(1, 'transB');
  if (inner !== innerToo) return fail('cannot multiply its inputs');
  const dims = [rows!, columns!];
  const bias = call.optional(2);
  if (bias !== undefined && String(broadcast(dims, bias.dims)) !== String(dims)) return fail('adds too much');
  return { outputs: [{ dims }], operations: countOf(dims) * inner! };
}

function gather(call: Call): Work {
  const [data, indices] = [call.input(0), call.input(1)];
  const axis = axisOf(call.integer('axis', 0), data.dims.length);
  const dims = [...data.dims.slice(0, axis), ...indices.dims, ...data.dims.slice(axis + 1)];
  const known = data.dims.length === 1 ? data.integers : undefined;
  const integers =
    known && indices.integers?.map((index) => known.at(index) ?? fail('reads beyond its input'));
  return give({ dims, integers });
}

function concat(call: Call): Work {
  const values = call.all;
  const [first] = values;
  const axis = axisOf(call.integer('axis', Number.NaN), (first ?? fail('has no input')).dims.length);
  const elsewhere = ({ dims }: Value) => String(dims.toSpliced(axis, 1));
  if (values.some((value) => elsewhere(value) !== elsewhere(first!))) return fail('cannot join its inputs');
  const size = values.reduce((sum, { dims }) => sum + dims[axis]!, 0);
  const isKnown =
    first!.dims.length === 1 &&
    size <= INTEGERS_MAX &&
    values.every(({ integers }) => integers !== undefined);
  const integers = isKnown ? values.flatMap((value) => value.integers!) : undefined;
  return give({ dims: first!.dims.with(axis, size), integers });
}

function reshape(call: Call): Work {
  if (call.integer('allowzero', 0) !== 0) return fail('reshapes to nothing');
  const { dims: from, integers } = call.input(0);
  const wanted = call
    .integers(1)
    .map((size, axis) => (size === 0 ? (from[axis] ?? fail('has no such axis')) : size));
  const count = countOf(from);
  const others = countOf(wanted.filter((size) => size !== -1));
  const open = wanted.filter((size) => size === -1).length;
  const dims = wanted.map((size) => (size === -1 ? count / others : size));
  if (open > 1 || countOf(dims) !== count) return fail(`cannot reshape [${from}] to [${wanted}]`);
  return give({ dims, integers });
}

function slice(call: Call): Work {
  const { dims: from, integers } = call.input(0);
  const [starts, ends] = [call.integers(1), call.integers(2)];
  const axes = call.optional(3) === undefined ? starts.map((_, index) => index) : call.integers(3);
  const steps = call.optional(4) === undefined ? starts.map(() => 1) : call.integers(4);
  const dims = [...from];
  let known = from.length === 1 ? integers : undefined;
  for (const [index, start] of starts.entries()) {
    const axis = axisOf(axes[index] ?? Number.NaN, from.length);
    if (steps[index] !== 1) return fail('slices in steps');
    const size = dims[axis]!;
    const within = (at: number) => Math.min(Math.max(at < 0 ? at + size : at, 0), size);
    const [begin, end] = [within(start), within(ends[index] ?? Number.NaN)];
    dims[axis] = Math.max(end - begin, 0);
    known = known?.slice(begin, end);
  }
  return give({ dims, integers: known });
}

function split(call: Call): Work {
  const { dims } = call.input(0);
  const axis = axisOf(call.integer('axis', 0), dims.length);
  const parts = call.node.outputs.length;
  const sizes =
    call.optional(1) === undefined
      ? Array.from({ length: parts }, () => dims[axis]! / parts)
      : call.integers(1);
  const isWhole = sizes.length === parts && sizes.reduce((sum, size) => sum + size, 0) === dims[axis];
  return isWhole
    ? give(...sizes.map((size) => ({ dims: dims.with(axis, size) })))
    : fail('cannot split its input');
}

function squeeze(call: Call): Work {
  const { dims, integers } = call.input(0);
  const axes = call.integers(1).map((axis) => axisOf(axis, dims.length));
  if (axes.some((axis) => dims[axis] !== 1)) return fail('squeezes an axis that is not 1');
  return give({ dims: dims.filter((_, axis) => !axes.includes(axis)), integers });
}

function unsqueeze(call: Call): Work {
  const { dims, integers } = call.input(0);
  const added = call.integers(1);
  const axes = new Set(added.map((axis) => axisOf(axis, dims.length + added.length)));
  if (axes.size !== added.length) return fail('adds an axis twice');
  const rest = [...dims];
  return give({
    dims: Array.from({ length: dims.length + axes.size }, (_, axis) => (axes.has(axis) ? 1 : rest.shift()!)),
    integers,
  });
}

function transpose(call: Call): Work {
  const { dims } = call.input(0);
  const order = call.attribute('perm')?.integers ?? dims.map((_, axis) => dims.length - 1 - axis);
  const isOrder = order.length === dims.length && new Set(order).size === dims.length;
  return isOrder
    ? give({ dims: order.map((axis) => dims[axisOf(axis, dims.length)]!) })
    : fail('has no such order');
}

function flatten(call: Call): Work {
  const { dims } = call.input(0);
  const axis = call.integer('axis', 1);
  if (!(axis >= 0 && axis <= dims.length)) return fail(`has no axis ${axis}`);
  return give({ dims: [countOf(dims.slice(0, axis)), countOf(dims.slice(axis))] });
}

function reduceSum(call: Call): Work {
  const { dims } = call.input(0);
  const axes = call.integers(1).map((axis) => axisOf(axis, dims.length));
  const keeps = call.integer('keepdims', 1) !== 0;
  const reduced = dims.flatMap((size, axis) => (axes.includes(axis) ? (keeps ? [1] : []) : [size]));
  return { outputs: [{ dims: reduced }], operations: countOf(dims) };
}

/** Over one axis, without padding or dilation: as N-HiTS pools. */
function maxPool(call: Call): Work {
  const { dims } = call.input(0);
  const [kernel, ...more] = call.attribute('kernel_shape')?.integers ?? [];
  const stride = call.attribute('strides')?.integers[0] ?? 1;
  const isPlain =
    dims.length === 3 &&
    more.length === 0 &&
    (call.attribute('pads')?.integers ?? []).every((size) => size === 0) &&
    (call.attribute('dilations')?.integers ?? []).every((size) => size === 1) &&
    (call.attribute('auto_pad')?.text ?? 'NOTSET') === 'NOTSET' &&
    call.node.outputs.length === 1;
  if (!isPlain || !(kernel! >= 1) || !(stride >= 1)) return fail('does not pool as the trainers do');
  const whole = (dims[2]! - kernel!) / stride;
  const length = (call.integer('ceil_mode', 0) === 0 ? Math.floor(whole) : Math.ceil(whole)) + 1;
  if (length < 1) return fail('pools more than there is');
  return { outputs: [{ dims: dims.with(2, length) }], operations: countOf(dims.with(2, length)) * kernel! };
}

function trees(call: Call): Work {
  const { dims } = call.input(0);
  const { classes, operationsPerRow } = checkTrees(call.node.attributes, dims[1] ?? fail('has no columns'));
  return {
    outputs: [{ dims: [dims[0]!] }, { dims: [dims[0]!, classes] }],
    operations: dims[0]! * operationsPerRow,
  };
}

function treeLists(call: Call): Work {
  const { dims } = call.input(0);
  const { attributes } = call.node;
  const { targets, operationsPerRow } = checkTreeLists(attributes, dims[1] ?? fail('has no columns'));
  return { outputs: [{ dims: [dims[0]!, targets] }], operations: dims[0]! * operationsPerRow };
}

const operator = (run: Operator['run'], ...attributes: string[]): Operator => ({ attributes, run });

const OPERATORS: ReadonlyMap<string, Operator> = new Map([
  ['Add', operator(elementwise((a, b) => a + b))],
  ['BatchNormalization', operator(batchNormalization, 'epsilon', 'momentum', 'training_mode')],
  ['Cast', operator(cast, 'to')],
  ['Concat', operator(concat, 'axis')],
  ['Constant', operator((call) => give(call.attribute('value')?.tensor ?? fail('holds no tensor')), 'value')],
  ['Div', operator(elementwise((a, b) => (b === 0 ? fail('divides by 0') : Math.trunc(a / b))))],
  ['Erf', operator(same)],
  ['Flatten', operator(flatten, 'axis')],
  ['Gather', operator(gather, 'axis')],
  ['Gemm', operator(gemm, 'alpha', 'beta', 'transA', 'transB')],
  ['Identity', operator((call) => ({ outputs: [call.input(0)] }))],
  ['MatMul', operator(matMul)],
  ['Max', operator(elementwise())],
  [
    'MaxPool',
    operator(
      maxPool,
      'kernel_shape',
      'strides',
      'pads',
      'dilations',
      'ceil_mode',
      'auto_pad',
      'storage_order',
    ),
  ],
  ['Min', operator(elementwise())],
  ['Mul', operator(elementwise((a, b) => a * b))],
  ['ReduceSum', operator(reduceSum, 'keepdims', 'noop_with_empty_axes')],
  ['Relu', operator(same)],
  ['Reshape', operator(reshape, 'allowzero')],
  ['Sigmoid', operator(same)],
  ['Shape', operator((call) => give({ dims: [call.input(0).dims.length], integers: call.input(0).dims }))],
  ['Slice', operator(slice)],
  ['Softmax', operator(same, 'axis')],
  ['Split', operator(split, 'axis')],
  ['Sqrt', operator(same)],
  ['Squeeze', operator(squeeze)],
  ['Sub', operator(elementwise((a, b) => a - b))],
  ['Transpose', operator(transpose, 'perm')],
  ['Unsqueeze', operator(unsqueeze)],
  [
    'ai.onnx.ml.TreeEnsemble',
    operator(
      treeLists,
      'aggregate_function',
      'leaf_targetids',
      'leaf_weights',
      'n_targets',
      'nodes_falseleafs',
      'nodes_falsenodeids',
      'nodes_featureids',
      'nodes_missing_value_tracks_true',
      'nodes_modes',
      'nodes_splits',
      'nodes_trueleafs',
      'nodes_truenodeids',
      'post_transform',
      'tree_roots',
    ),
  ],
  [
    'ai.onnx.ml.TreeEnsembleClassifier',
    operator(
      trees,
      'base_values',
      'class_ids',
      'class_nodeids',
      'class_treeids',
      'class_weights',
      'classlabels_int64s',
      'nodes_falsenodeids',
      'nodes_featureids',
      'nodes_hitrates',
      'nodes_missing_value_tracks_true',
      'nodes_modes',
      'nodes_nodeids',
      'nodes_treeids',
      'nodes_truenodeids',
      'nodes_values',
      'post_transform',
    ),
  ],
]);

/** Between the two types that the trainers use. What has been a float is no known integer any more. */
function cast(call: Call): Work {
  const { dims, integers } = call.input(0);
  const to = call.integer('to', 0);
  if (to === INT64) return give({ dims, integers });
  return to === FLOAT ? give({ dims }) : fail(`casts to type ${to}`);
}

function batchNormalization(call: Call): Work {
  const { dims } = call.input(0);
  const isPlain = call.integer('training_mode', 0) === 0 && call.node.outputs.length === 1;
  return isPlain ? give({ dims }) : fail('trains');
}

/** What one node gives and costs. Throws with one line when it is not one that a trainer writes. */
export function runNode(node: GraphNode, inputs: readonly (Value | undefined)[]): Required<Work> {
  const known = OPERATORS.get(node.operator);
  if (known === undefined) return fail('is not among the operators that the trainers write');
  for (const name of node.attributes.keys())
    if (!known.attributes.includes(name)) fail('has an attribute that the trainers do not write');
  const { outputs, operations } = known.run(new Call(node, inputs));
  if (node.outputs.length > outputs.length) fail('has too many outputs');
  return {
    outputs,
    operations: operations ?? outputs.reduce((sum, { dims }) => sum + countOf(dims), 0),
  };
}
