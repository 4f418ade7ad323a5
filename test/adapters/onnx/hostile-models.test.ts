// Models that no trainer of ours wrote: refused before the runtime sees them, with a reason and without harm.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inspectModel } from '../../../lib/adapters/onnx/inspect-model.ts';
import { createOnnxModelRuntime } from '../../../lib/adapters/onnx/onnx-model-runtime.ts';
import { FEATURE_COUNT, FEATURE_NAMES } from '../../../lib/features/feature-set.ts';
import { type ModelInput, manifestSchema } from '../../../lib/models/manifest.ts';
import { expectCheap } from '../../support/expect-cheap.ts';
import {
  buildLinearModel,
  buildTreeListsModel,
  buildTreeModel,
  encodeModel,
  floatTensor,
  INPUT_NAME,
  OUTPUT_NAME,
  octetTensor,
  type TreeLists,
} from '../../support/models/build-model.ts';
import { rsiNet } from '../../support/models/build-model-folder.ts';

const INPUT: ModelInput = { kind: 'tabular', name: INPUT_NAME, columns: [...FEATURE_NAMES] };
const inputShape = ['rows', FEATURE_COUNT];
const runtime = createOnnxModelRuntime();

const open = (bytes: Uint8Array) => runtime.createSession({ bytes, input: INPUT, outputName: OUTPUT_NAME });

const ints = (name: string, dims: number[], values: number[]) => ({
  name,
  dims,
  dataType: 7,
  int64Data: values,
});
const node = (opType: string, input: string[], output: string[], attribute: object[] = []) => ({
  opType,
  input,
  output,
  attribute,
});
const integer = (name: string, i: number) => ({ name, i, type: 2 });
const integers = (name: string, values: number[]) => ({ name, ints: values, type: 7 });
const EXTERNAL = { dataLocation: 1, externalData: [{ key: 'location', value: 'weights.bin' }] };
const echo = node('MatMul', [INPUT_NAME, 'weights'], [OUTPUT_NAME]);
const weights = floatTensor('weights', [FEATURE_COUNT, 5], Array(FEATURE_COUNT * 5).fill(0.1));
const subgraph = { name: 'body', node: [node('Identity', ['a'], ['b'])], input: [], output: [] };

/** A graph that answers, after other nodes. */
const graphOf = (nodes: object[], initializers: object[] = []) =>
  encodeModel({ inputShape, nodes: [...nodes, echo], initializers: [weights, ...initializers] });

const doubled = Array.from({ length: 24 }, (_, index) =>
  node(
    'Concat',
    [index === 0 ? INPUT_NAME : `x${index}`, index === 0 ? INPUT_NAME : `x${index}`],
    [`x${index + 1}`],
    [integer('axis', 1)],
  ),
);
const multiplied = Array.from({ length: 400 }, (_, index) =>
  node('MatMul', [index === 0 ? 'square' : `m${index}`, 'square'], [`m${index + 1}`]),
);
const tree = { columns: FEATURE_COUNT, column: 6, threshold: 50 };
const sides = { below: [0.5, 0.25, 0.25], above: [0.25, 0.25, 0.5] } as const;
const trees = (edit: (attributes: Record<string, number[]>) => void) =>
  buildTreeModel({ ...tree, ...sides }, edit);
const treeLists = (changes: TreeLists) =>
  buildTreeListsModel({ ...tree, ...sides }, (lists) => Object.assign(lists, changes));

describe('refused with a reason, at no cost', () => {
  test.each<[string, Uint8Array, RegExp]>([
    [
      'external data',
      graphOf([], [{ name: 'far', dims: [1], dataType: 1, ...EXTERNAL }]),
      /holds external data/,
    ],
    [
      'external data in a constant',
      graphOf([
        node('Constant', [], ['c'], [{ name: 'value', type: 4, t: { dims: [1], dataType: 1, ...EXTERNAL } }]),
      ]),
      /holds external data/,
    ],
    [
      'a loop',
      graphOf([node('Loop', ['', ''], ['x'], [{ name: 'body', type: 5, g: subgraph }])]),
      /a subgraph/,
    ],
    [
      'a branch',
      graphOf([node('If', ['c'], ['x'], [{ name: 'then_branch', type: 5, g: subgraph }])]),
      /a subgraph/,
    ],
    [
      'a loop without its body',
      graphOf([node('Loop', ['', ''], ['x'])]),
      /node 1 \(Loop\) is not among the operators/,
    ],
    ['a scan', graphOf([node('Scan', [INPUT_NAME], ['x'])]), /\(Scan\) is not among/],
    [
      'an operator of another domain',
      graphOf([{ ...node('Attention', [INPUT_NAME], ['x']), domain: 'com.microsoft' }]),
      /\(com\.microsoft\.Attention\) is not among/,
    ],
    [
      'local functions',
      encodeModel({ inputShape, nodes: [echo], initializers: [weights], functions: [{ name: 'f' }] }),
      /holds local functions/,
    ],
    [
      'a tensor of gigabytes out of three numbers',
      graphOf([node('ConstantOfShape', ['size'], ['x'])], [ints('size', [1], [2_500_000_000])]),
      /\(ConstantOfShape\) is not among/,
    ],
    ['a value that doubles', graphOf(doubled), /\(Concat\) takes the model beyond 64 million values/],
    [
      'an outer product',
      graphOf([
        node('Flatten', [INPUT_NAME], ['wide'], [integer('axis', 0)]),
        node('Transpose', ['wide'], ['tall']),
        node('MatMul', ['tall', 'wide'], ['x']),
      ]),
      /\(MatMul\) takes the model beyond/,
    ],
    [
      'two that are joined by broadcasting',
      graphOf(
        [
          node('Reshape', [INPUT_NAME, 'column'], ['tall']),
          node('Reshape', [INPUT_NAME, 'row'], ['wide']),
          node('Add', ['tall', 'wide'], ['x']),
        ],
        [ints('column', [2], [-1, 1]), ints('row', [2], [1, -1])],
      ),
      /\(Add\) takes the model beyond/,
    ],
    [
      'hours of work in small values',
      graphOf(multiplied, [floatTensor('square', [512, 512], Array(512 * 512).fill(0))]),
      /\(MatMul\) takes the model beyond 10 billion operations/,
    ],
    [
      'a shape out of data',
      graphOf([
        node('Cast', [INPUT_NAME], ['i'], [integer('to', 7)]),
        node('Reshape', [INPUT_NAME, 'i'], ['x']),
      ]),
      /\(Reshape\) computes a shape from data/,
    ],
    [
      'a pool that pads',
      graphOf(
        [
          node('Unsqueeze', [INPUT_NAME, 'axis'], ['u']),
          node('MaxPool', ['u'], ['x'], [integers('kernel_shape', [9e8]), integers('pads', [8e8, 8e8])]),
        ],
        [ints('axis', [1], [1])],
      ),
      /does not pool as the trainers do/,
    ],
    [
      'a tensor larger than its bytes',
      graphOf([], [{ name: 'big', dims: [1e12], dataType: 1 }]),
      /holds 0 values/,
    ],
    ['a tensor of texts', graphOf([], [{ name: 'big', dims: [1], dataType: 8 }]), /of type 8/],
    ['a cast to text', graphOf([node('Cast', [INPUT_NAME], ['x'], [integer('to', 8)])]), /casts to type 8/],
    [
      'a node that reads what comes later',
      graphOf([node('Relu', [OUTPUT_NAME], ['x'])]),
      /which nothing before it gives/,
    ],
    [
      'a tree that walks in a circle',
      trees((found) => (found.nodes_truenodeids = [0, 0, 0])),
      /to no node of its tree/,
    ],
    [
      'a tree with two ways to a leaf',
      trees((found) => (found.nodes_falsenodeids = [1, 0, 0])),
      /two ways to it, or a walk without end/,
    ],
    [
      'a tree on a column that is none',
      trees((found) => (found.nodes_featureids = [4_000_000, 0, 0])),
      /column that is none/,
    ],
    [
      'a tree for a class that is none',
      trees((found) => (found.class_ids = [...found.class_ids!.slice(1), 900_000])),
      /class that is none/,
    ],
    ['a tree with too few weights', trees((found) => (found.class_ids = [0, 1, 2])), /uneven columns/],
    [
      'a listed tree that walks in a circle',
      treeLists({ nodes_truenodeids: [0, 2, 4, 6, 8], nodes_trueleafs: [0, 1, 1, 1, 1] }),
      /two ways to it, or a walk without end/,
    ],
    [
      'a listed tree with two ways to a leaf',
      treeLists({ nodes_falsenodeids: [0, 3, 5, 7, 9] }),
      /two ways to it/,
    ],
    ['a listed tree twice', treeLists({ tree_roots: [0, 1, 2, 3, 4, 0] }), /two ways to it/],
    ['a listed tree without its root', treeLists({ tree_roots: [0, 1, 2, 3] }), /that no tree reaches/],
    ['a root that is none', treeLists({ tree_roots: [0, 1, 2, 3, 5] }), /to no node of its trees/],
    ['a leaf that is none', treeLists({ nodes_falsenodeids: [1, 3, 5, 7, -9] }), /to no node of its trees/],
    [
      'a child that is neither node nor leaf',
      treeLists({ nodes_trueleafs: [2, 1, 1, 1, 1] }),
      /to no node of its trees/,
    ],
    [
      'a listed tree on a column that is none',
      treeLists({ nodes_featureids: [FEATURE_COUNT, 6, 6, 6, 6] }),
      /column that is none/,
    ],
    [
      'a listed tree for a target that is none',
      treeLists({ leaf_targetids: [0, 0, 1, 1, 2, 2, 3, 3, 4, 5] }),
      /target that is none/,
    ],
    ['listed trees for no target', treeLists({ n_targets: 0 }), /target that is none/],
    ['listed trees without a node', treeLists({ nodes_modes: octetTensor('modes', []) }), /uneven columns/],
    [
      'too few thresholds',
      treeLists({ nodes_splits: floatTensor('splits', [4], [1, 2, 3, 4]) }),
      /uneven columns/,
    ],
    [
      'thresholds that are integers',
      treeLists({ nodes_splits: ints('splits', [5], [1, 2, 3, 4, 5]) }),
      /uneven/,
    ],
    [
      'modes of another shape',
      treeLists({ nodes_modes: { ...octetTensor('modes', [0, 0, 0, 0, 0]), dims: [5, 1] } }),
      /uneven columns/,
    ],
    ['a set of values', treeLists({ nodes_modes: octetTensor('modes', [6, 0, 0, 0, 0]) }), /another kind/],
    ['a minimum of leaves', treeLists({ aggregate_function: 2 }), /does not just sum its leaves/],
    ['a softmax of sums', treeLists({ post_transform: 1 }), /does not just sum its leaves/],
    [
      'listed trees with sets',
      treeLists({ membership_values: floatTensor('sets', [1], [1]) }),
      /attribute that the trainers do not write/,
    ],
    [
      'a constant of bytes',
      graphOf([node('Constant', [], ['c'], [{ name: 'value', type: 4, t: octetTensor('bytes', [1]) }])]),
      /holds no tensor/,
    ],
    ['an initializer of bytes', graphOf([], [octetTensor('bytes', [1])]), /of type 2/],
  ])('%s', async (_, bytes, why) => {
    const opened = await expectCheap(() => open(bytes));
    expect(opened).toEqual({ ok: false, error: expect.stringMatching(why) });
  });

  test('more bytes than a model has', async () => {
    expect(await open(new Uint8Array(33 * 2 ** 20))).toEqual({
      ok: false,
      error: expect.stringMatching(/bytes, at most/),
    });
  });
});

test.each(['xgboost', 'lightgbm', 'nhits', 'patchtst'])(
  '%s as trained has a tenth of what is allowed',
  (name) => {
    const folder = `models/starter/models/${name}/v20240728_205500`;
    const { input } = manifestSchema.parse(JSON.parse(readFileSync(`${folder}/manifest.json`, 'utf8')));
    const cost = inspectModel(
      readFileSync(`${folder}/model.onnx`),
      input,
      input.kind === 'sequence' ? 50 : 1000,
    );
    expect(cost.largestElements).toBeLessThan(0.8e6);
    expect(cost.elements).toBeLessThan(6.4e6);
    expect(cost.operations).toBeLessThan(1e9);
  },
);

// A crash of the native runtime would end the run of the tests, so it need not be looked for.
test.each([
  ['a net', buildLinearModel(rsiNet('tabular', 0.1))],
  ['a forest', trees(() => undefined)],
  ['a forest of lists', treeLists({})],
])('whatever bytes of %s are damaged, it is refused in one line or it answers', async (_, valid) => {
  const damage = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.integer({ min: 0, max: 255 })), {
    minLength: 1,
    maxLength: 3,
  });
  await expectCheap(() =>
    fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        const bytes = Uint8Array.from(valid);
        for (const [at, byte] of changes) bytes[at] = byte;
        const opened = await open(bytes);
        if (!opened.ok) {
          expect(opened.error).toMatch(/^[^\n]{1,300}$/);
          return;
        }
        const answer = await opened.value.answers(new Float32Array(2 * FEATURE_COUNT), 2).catch(String);
        if (typeof answer !== 'string') expect(answer).toHaveLength(10);
        await opened.value.release();
      }),
      { numRuns: 1500 },
    ),
  );
});
