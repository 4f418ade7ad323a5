// Writes small ONNX models as bytes, so that tests run the real runtime on models whose answers are known by hand.
import protobuf from 'protobufjs';

// The part of onnx.proto3 that these models need; field numbers as published.
const { root } = protobuf.parse(`
  syntax = "proto3";
  message Model { int64 ir_version = 1; string producer_name = 2; Graph graph = 7; repeated OpsetId opset_import = 8; repeated Function functions = 25; }
  message OpsetId { string domain = 1; int64 version = 2; }
  message Function { string name = 1; }
  message Graph { repeated Node node = 1; string name = 2; repeated Tensor initializer = 5; repeated Value input = 11; repeated Value output = 12; }
  message Node { repeated string input = 1; repeated string output = 2; string name = 3; string op_type = 4; repeated Attribute attribute = 5; string domain = 7; }
  message Attribute { string name = 1; float f = 2; int64 i = 3; bytes s = 4; repeated float floats = 7 [packed = false]; repeated int64 ints = 8 [packed = false]; repeated bytes strings = 9; int32 type = 20; Tensor t = 5; Graph g = 6; }
  message Tensor { repeated int64 dims = 1; int32 data_type = 2; repeated int64 int64_data = 7; string name = 8; bytes raw_data = 9; repeated Entry external_data = 13; int32 data_location = 14; }
  message Entry { string key = 1; string value = 2; }
  message Value { string name = 1; Type type = 2; }
  message Type { TensorType tensor_type = 1; }
  message TensorType { int32 elem_type = 1; Shape shape = 2; }
  message Shape { repeated Dim dim = 1; }
  message Dim { oneof value { int64 dim_value = 1; string dim_param = 2; } }
`);

const FLOAT = 1;
const UINT8 = 2;
const INT64 = 7;
const OPSET = 17;
const ML_OPSET = 3;

export const INPUT_NAME = 'features';
export const OUTPUT_NAME = 'answers';
const OUTPUT_WIDTH = 5;

type Dimension = number | string;
interface GraphParts {
  readonly nodes: object[];
  readonly initializers?: object[];
  readonly inputShape: readonly Dimension[];
  readonly outputs?: object[];
  readonly opset?: number;
  readonly mlOpset?: number;
  readonly functions?: object[];
}

/** Any graph from the input to the answers, written as it is. */
export function encodeModel({
  nodes,
  initializers = [],
  inputShape,
  outputs,
  opset = OPSET,
  mlOpset = ML_OPSET,
  functions = [],
}: GraphParts): Uint8Array {
  const Model = root.lookupType('Model');
  const model = {
    irVersion: 8,
    producerName: 'test',
    opsetImport: [
      { domain: '', version: opset },
      { domain: 'ai.onnx.ml', version: mlOpset },
    ],
    functions,
    graph: {
      name: 'graph',
      node: nodes,
      initializer: initializers,
      input: [tensorValue(INPUT_NAME, FLOAT, inputShape)],
      output: outputs ?? [tensorValue(OUTPUT_NAME, FLOAT, ['rows', OUTPUT_WIDTH])],
    },
  };
  return Model.encode(Model.fromObject(model)).finish();
}

function tensorValue(name: string, elemType: number, shape: readonly Dimension[]): object {
  const dim = shape.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
}

export function floatTensor(name: string, dims: readonly number[], values: readonly number[]): object {
  const raw = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) raw.writeFloatLE(value, index * 4);
  return { name, dims, dataType: FLOAT, rawData: raw };
}

export function octetTensor(name: string, values: readonly number[]): object {
  return { name, dims: [values.length], dataType: UINT8, rawData: Buffer.from(values) };
}

export interface LinearNet {
  /** Shape of one input row, e.g. [49] or [96, 8]. */
  readonly rowShape: readonly number[];
  /** [values per row][3]: sell, hold, buy. */
  readonly weights: readonly (readonly number[])[];
  readonly bias: readonly [number, number, number];
}

/** softmax(flatten(x) · weights + bias), the difference of buy and sell as the expected move, and a deviation of 1. `rows` fixes the batch size, `opset` claims another operator set. */
export function buildLinearModel(
  net: LinearNet,
  options: { rows?: number; opset?: number } = {},
): Uint8Array {
  const { rowShape, weights, bias } = net;
  return encodeModel({
    inputShape: [options.rows ?? 'rows', ...rowShape],
    ...(options.opset === undefined ? {} : { opset: options.opset }),
    initializers: [
      floatTensor('weights', [weights.length, 3], weights.flat()),
      floatTensor('bias', [3], bias),
      floatTensor('difference', [3, 1], [-1, 0, 1]),
      floatTensor('ones', [3, 1], [1, 1, 1]),
    ],
    nodes: [
      { opType: 'Flatten', input: [INPUT_NAME], output: ['flat'] },
      { opType: 'Gemm', input: ['flat', 'weights', 'bias'], output: ['logits'] },
      { opType: 'Softmax', input: ['logits'], output: ['probabilities'] },
      { opType: 'MatMul', input: ['probabilities', 'difference'], output: ['expected'] },
      { opType: 'MatMul', input: ['probabilities', 'ones'], output: ['deviation'] },
      {
        opType: 'Concat',
        input: ['probabilities', 'expected', 'deviation'],
        output: [OUTPUT_NAME],
        attribute: [{ name: 'axis', i: 1, type: 2 }],
      },
    ],
  });
}

/** The same net in float64 over float32 weights, as a trainer's library would answer. @returns [rows][5] */
export function answerLinear(net: LinearNet, input: Float32Array, rows: number): number[][] {
  const { weights, bias } = net;
  return Array.from({ length: rows }, (_, row) => {
    const logits = bias.map((offset, side) =>
      weights.reduce(
        (sum, weight, index) => sum + input[row * weights.length + index]! * Math.fround(weight[side]!),
        Math.fround(offset),
      ),
    );
    const largest = Math.max(...logits);
    const exponentials = logits.map((logit) => Math.exp(logit - largest));
    const sum = exponentials.reduce((total, value) => total + value, 0);
    const [sell, hold, buy] = exponentials.map((value) => value / sum) as [number, number, number];
    return [sell, hold, buy, buy - sell, 1];
  });
}

interface Stump {
  readonly columns: number;
  readonly column: number;
  readonly threshold: number;
  /** Probabilities where x[column] ≤ threshold, and elsewhere. */
  readonly below: readonly [number, number, number];
  readonly above: readonly [number, number, number];
}

/** One split as a `TreeEnsembleClassifier` of ai.onnx.ml 3: what LightGBM and XGBoost were exported to, label output included. `edit` changes its columns of integers. */
export function buildTreeModel(
  { columns, column, threshold, below, above }: Stump,
  edit: (integers: Record<string, number[]>) => void = () => undefined,
): Uint8Array {
  const ints = (name: string, values: number[]) => ({ name, ints: values, type: 7 });
  const floats = (name: string, values: readonly number[]) => ({ name, floats: values, type: 6 });
  const modes = ['BRANCH_LEQ', 'LEAF', 'LEAF'].map((mode) => Buffer.from(mode));
  const integers: Record<string, number[]> = {
    nodes_treeids: [0, 0, 0],
    nodes_nodeids: [0, 1, 2],
    nodes_featureids: [column, 0, 0],
    nodes_truenodeids: [1, 0, 0],
    nodes_falsenodeids: [2, 0, 0],
    class_treeids: Array(2 * OUTPUT_WIDTH).fill(0),
    class_nodeids: [1, 1, 1, 1, 1, 2, 2, 2, 2, 2],
    class_ids: [0, 1, 2, 3, 4, 0, 1, 2, 3, 4],
    classlabels_int64s: [0, 1, 2, 3, 4],
  };
  edit(integers);
  const attribute = [
    ...Object.entries(integers).map(([name, values]) => ints(name, values)),
    { name: 'nodes_modes', strings: modes, type: 8 },
    floats('nodes_values', [threshold, 0, 0]),
    floats('class_weights', [...below, below[2] - below[0], 1, ...above, above[2] - above[0], 1]),
    { name: 'post_transform', s: Buffer.from('NONE'), type: 3 },
  ];
  return encodeModel({
    inputShape: ['rows', columns],
    nodes: [
      {
        opType: 'TreeEnsembleClassifier',
        domain: 'ai.onnx.ml',
        input: [INPUT_NAME],
        output: ['label', OUTPUT_NAME],
        attribute,
      },
    ],
    outputs: [tensorValue('label', INT64, ['rows']), tensorValue(OUTPUT_NAME, FLOAT, ['rows', OUTPUT_WIDTH])],
  });
}

/** Its attributes as they are encoded, but for their names: lists of integers, single integers and tensors. */
export type TreeLists = Record<string, number[] | number | object>;

/**
 * The same split as a `TreeEnsemble` of ai.onnx.ml 5: what LightGBM and XGBoost are exported to, here one tree for each of the five
 * answers. `edit` changes what it holds.
 */
export function buildTreeListsModel(
  { columns, column, threshold, below, above }: Stump,
  edit: (lists: TreeLists) => void = () => undefined,
): Uint8Array {
  const answers = [below, above].map((sides) => [...sides, sides[2] - sides[0], 1]);
  const trees = Array.from({ length: OUTPUT_WIDTH }, (_, tree) => tree);
  const each = (value: number) => trees.map(() => value);
  const lists: TreeLists = {
    n_targets: OUTPUT_WIDTH,
    aggregate_function: 1,
    post_transform: 0,
    tree_roots: [...trees],
    nodes_featureids: each(column),
    nodes_splits: floatTensor('splits', [OUTPUT_WIDTH], each(threshold)),
    nodes_modes: octetTensor('modes', each(0)),
    nodes_truenodeids: trees.map((tree) => 2 * tree),
    nodes_falsenodeids: trees.map((tree) => 2 * tree + 1),
    nodes_trueleafs: each(1),
    nodes_falseleafs: each(1),
    leaf_targetids: trees.flatMap((tree) => [tree, tree]),
    leaf_weights: floatTensor(
      'weights',
      [2 * OUTPUT_WIDTH],
      trees.flatMap((tree) => answers.map((side) => side[tree]!)),
    ),
  };
  edit(lists);
  const attribute = Object.entries(lists).map(([name, value]) => {
    if (Array.isArray(value)) return { name, ints: value, type: 7 };
    return typeof value === 'number' ? { name, i: value, type: 2 } : { name, t: value, type: 4 };
  });
  const ensemble = {
    opType: 'TreeEnsemble',
    domain: 'ai.onnx.ml',
    input: [INPUT_NAME],
    output: [OUTPUT_NAME],
  };
  return encodeModel({
    inputShape: ['rows', columns],
    mlOpset: 5,
    nodes: [{ ...ensemble, attribute }],
  });
}

/** Gives back five of its inputs as they are: an output that need not be a probability vector. */
export function buildEchoModel(columns: number): Uint8Array {
  const echo = Array.from({ length: columns }, (_, index) =>
    Array.from({ length: OUTPUT_WIDTH }, (_, output) => (output === index ? 1 : 0)),
  );
  return encodeModel({
    inputShape: ['rows', columns],
    initializers: [floatTensor('weights', [columns, OUTPUT_WIDTH], echo.flat())],
    nodes: [{ opType: 'MatMul', input: [INPUT_NAME, 'weights'], output: [OUTPUT_NAME] }],
  });
}

/** What the graph of a policy does with the sum of its weighted state. */
export type PolicyShape =
  | 'sigmoid'
  /** Not bounded above. */
  | 'relu'
  /** Divided by the column that is named last in the weights: no number where that is 0. */
  | 'divided';

/** A sizing policy: state · weights + bias, then as `shape` says. */
export function buildPolicyModel(net: {
  readonly weights: readonly number[];
  readonly bias: number;
  readonly shape?: PolicyShape;
  /** [columns]: what is divided, and by it again. */
  readonly divisor?: readonly number[];
}): Uint8Array {
  const { weights, bias, shape = 'sigmoid', divisor = weights } = net;
  const columns = weights.length;
  const last = { opType: shape === 'relu' ? 'Relu' : 'Sigmoid', input: ['logit'] };
  return encodeModel({
    inputShape: ['rows', columns],
    outputs: [tensorValue(OUTPUT_NAME, FLOAT, ['rows', 1])],
    initializers: [
      floatTensor('weights', [columns, 1], weights),
      floatTensor('bias', [1], [bias]),
      floatTensor('divisor', [columns, 1], divisor),
    ],
    nodes: [
      { opType: 'Gemm', input: [INPUT_NAME, 'weights', 'bias'], output: ['logit'] },
      ...(shape === 'divided'
        ? [
            { ...last, output: ['share'] },
            { opType: 'MatMul', input: [INPUT_NAME, 'divisor'], output: ['by'] },
            { opType: 'Mul', input: ['share', 'by'], output: ['times'] },
            { opType: 'Div', input: ['times', 'by'], output: [OUTPUT_NAME] },
          ]
        : [{ ...last, output: [OUTPUT_NAME] }]),
    ],
  });
}
