// A forest in a model's attributes, checked before the runtime walks it: every node of a tree is reached once from its root, so that a
// walk ends, and every column and class it names exists.
import type { Attribute } from './read-graph.ts';

const BRANCHES = new Set(['BRANCH_LEQ', 'BRANCH_LT']);
const LEAF = 'LEAF';

type Attributes = ReadonlyMap<string, Attribute>;

/** Throws with one line. */
export function checkTrees(
  attributes: Attributes,
  columns: number,
): { classes: number; operationsPerRow: number } {
  const integers = (name: string) => attributes.get(name)?.integers ?? [];
  const classes = integers('classlabels_int64s').length;
  const nodes = {
    tree: integers('nodes_treeids'),
    id: integers('nodes_nodeids'),
    feature: integers('nodes_featureids'),
    left: integers('nodes_truenodeids'),
    right: integers('nodes_falsenodeids'),
    mode: attributes.get('nodes_modes')?.strings ?? [],
  };
  const count = nodes.tree.length;
  if (Object.values(nodes).some(({ length }) => length !== count))
    throw new Error('has trees of uneven columns');
  const floats = (name: string) => attributes.get(name)?.floatCount ?? 0;
  const weights = integers('class_treeids').length;
  const isComplete =
    floats('nodes_values') === count &&
    [0, count].includes(floats('nodes_hitrates')) &&
    [0, count].includes(integers('nodes_missing_value_tracks_true').length) &&
    [integers('class_nodeids').length, integers('class_ids').length, floats('class_weights')].every(
      (length) => length === weights,
    ) &&
    [0, classes].includes(floats('base_values')) &&
    (attributes.get('post_transform')?.text ?? 'NONE') === 'NONE';
  if (!isComplete) throw new Error('has trees of uneven columns, or transforms their sums');
  const depth = walkTrees(nodes, columns);
  checkLeaves({ nodes, depth }, { tree: integers('class_treeids'), id: integers('class_nodeids') });
  const classIds = integers('class_ids');
  const isClass = (id: number) => Number.isInteger(id) && id >= 0 && id < classes;
  if (!classIds.every(isClass)) throw new Error('has leaves of a class that is none');
  const perTree = new Map<number, number>();
  for (const [at, tree] of nodes.tree.entries())
    perTree.set(tree, Math.max(perTree.get(tree) ?? 0, depth[at]!));
  return { classes, operationsPerRow: [...perTree.values()].reduce((sum, most) => sum + most, 0) };
}

interface Nodes {
  readonly tree: readonly number[];
  readonly id: readonly number[];
  readonly feature: readonly number[];
  readonly left: readonly number[];
  readonly right: readonly number[];
  readonly mode: readonly string[];
}

/** Depth of each node, from 1 for a root: the first node of its tree. */
function walkTrees(nodes: Nodes, columns: number): Int32Array {
  const { tree, id, feature, left, right, mode } = nodes;
  const depth = new Int32Array(tree.length);
  const walked = new Set<number>();
  for (let start = 0; start < tree.length; ) {
    let end = start;
    while (end < tree.length && tree[end] === tree[start]) end++;
    if (walked.has(tree[start]!)) throw new Error('has a tree in two places');
    walked.add(tree[start]!);
    for (let at = start; at < end; at++)
      if (id[at] !== at - start) throw new Error('has trees whose nodes are out of order');
    depth[start] = 1;
    const open = [start];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (mode[at] === LEAF) continue;
      const isBranch = BRANCHES.has(mode[at]!) && feature[at]! >= 0 && feature[at]! < columns;
      if (!isBranch) throw new Error('has a branch on a column that is none, or of another kind');
      for (const child of [start + left[at]!, start + right[at]!]) {
        if (!(child > start && child < end)) throw new Error('has a branch to no node of its tree');
        if (depth[child] !== 0) throw new Error('has a node with two ways to it, or a walk without end');
        depth[child] = depth[at]! + 1;
        open.push(child);
      }
    }
    start = end;
  }
  return depth;
}

function checkLeaves(
  { nodes, depth }: { nodes: Nodes; depth: Int32Array },
  leaves: { tree: readonly number[]; id: readonly number[] },
): void {
  const startOf = new Map<number, number>();
  for (const [at, tree] of nodes.tree.entries()) if (!startOf.has(tree)) startOf.set(tree, at);
  const isLeaf = leaves.tree.every((tree, index) => {
    const at = (startOf.get(tree) ?? Number.NaN) + (leaves.id[index] ?? Number.NaN);
    return nodes.tree[at] === tree && nodes.mode[at] === LEAF && depth[at]! > 0;
  });
  if (!isLeaf || leaves.id.length !== leaves.tree.length)
    throw new Error('has the weight of a leaf that is none');
}
