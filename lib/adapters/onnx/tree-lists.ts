// Trees of ai.onnx.ml 5, whose inner nodes and leaves are two lists, checked before the runtime walks them: every node and every leaf is
// reached once, from one root, so that a walk ends, and every column and target they name exists.
import type { Attribute } from './read-graph.ts';

type Attributes = ReadonlyMap<string, Attribute>;

/** BRANCH_LEQ and BRANCH_LT. */
const MODE_MAX = 1;
const SUM = 1;
const NO_TRANSFORM = 0;

interface Nodes {
  readonly column: readonly number[];
  readonly left: readonly number[];
  readonly right: readonly number[];
  readonly leftIsLeaf: readonly number[];
  readonly rightIsLeaf: readonly number[];
}

/** Throws with one line. */
export function checkTreeLists(
  attributes: Attributes,
  columns: number,
): { targets: number; operationsPerRow: number } {
  const integers = (name: string) => attributes.get(name)?.integers ?? [];
  const integer = (name: string, otherwise: number) => attributes.get(name)?.integer ?? otherwise;
  const floats = (name: string) => {
    const dims = attributes.get(name)?.tensor?.dims ?? [];
    return dims.length === 1 && attributes.get(name)?.tensor?.type === 'float32' ? dims[0]! : 0;
  };
  const nodes: Nodes = {
    column: integers('nodes_featureids'),
    left: integers('nodes_truenodeids'),
    right: integers('nodes_falsenodeids'),
    leftIsLeaf: integers('nodes_trueleafs'),
    rightIsLeaf: integers('nodes_falseleafs'),
  };
  const count = nodes.column.length;
  const leafTargets = integers('leaf_targetids');
  const modes = attributes.get('nodes_modes')?.octets ?? new Uint8Array(0);
  const isComplete =
    Object.values(nodes).every(({ length }) => length === count) &&
    modes.length === count &&
    floats('nodes_splits') === count &&
    [0, count].includes(integers('nodes_missing_value_tracks_true').length) &&
    floats('leaf_weights') === leafTargets.length;
  if (!isComplete) throw new Error('has trees of uneven columns');
  if (integer('aggregate_function', SUM) !== SUM || integer('post_transform', NO_TRANSFORM) !== NO_TRANSFORM)
    throw new Error('does not just sum its leaves');
  if (modes.some((mode) => mode > MODE_MAX)) throw new Error('has a branch of another kind');
  const isColumn = (column: number) => column >= 0 && column < columns;
  if (!nodes.column.every(isColumn)) throw new Error('has a branch on a column that is none');
  const targets = integer('n_targets', 0);
  if (!(targets >= 1 && leafTargets.every((target) => target >= 0 && target < targets)))
    throw new Error('has a leaf of a target that is none');
  const operationsPerRow = walkTrees(nodes, integers('tree_roots'), leafTargets.length);
  return { targets, operationsPerRow };
}

/** Depths of all trees together. */
function walkTrees(nodes: Nodes, roots: readonly number[], leaves: number): number {
  const count = nodes.column.length;
  const depth = new Int32Array(count);
  const isReachedLeaf = new Uint8Array(leaves);
  const open = new Int32Array(count);
  let waiting = 0;
  let reached = 0;
  let reachedLeaves = 0;
  const reach = (child: number, isLeaf: number, childDepth: number): void => {
    const ofKind = isLeaf === 1 ? isReachedLeaf : depth;
    if (!(isLeaf === 0 || isLeaf === 1) || !(child >= 0 && child < ofKind.length))
      throw new Error('has a branch to no node of its trees');
    if (ofKind[child] !== 0) throw new Error('has a node with two ways to it, or a walk without end');
    if (isLeaf === 1) {
      isReachedLeaf[child] = 1;
      reachedLeaves++;
    } else {
      depth[child] = childDepth;
      reached++;
      open[waiting++] = child;
    }
  };
  let depths = 0;
  for (const root of roots) {
    let deepest = 1;
    reach(root, 0, 1);
    while (waiting > 0) {
      const at = open[--waiting]!;
      const childDepth = depth[at]! + 1;
      if (childDepth > deepest) deepest = childDepth;
      reach(nodes.left[at]!, nodes.leftIsLeaf[at]!, childDepth);
      reach(nodes.right[at]!, nodes.rightIsLeaf[at]!, childDepth);
    }
    depths += deepest;
  }
  if (reached !== count || reachedLeaves !== leaves || count === 0)
    throw new Error('has nodes that no tree reaches');
  return depths;
}
