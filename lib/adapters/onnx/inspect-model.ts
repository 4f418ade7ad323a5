// Whether a model is one that the trainers could have written, and bounded: known before the runtime sees a byte of it, because a session
// once begun can be neither interrupted nor limited.
import { messageOf } from '../../core/message-of.ts';
import { MIB } from '../../core/units.ts';
import type { SessionInput } from '../../models/check-manifest.ts';
import { dimensionsPerRow, findShapeProblem } from './model-shape.ts';
import { runNode } from './operators.ts';
import { countOf, printable, readGraph, type Value } from './read-graph.ts';

const MODEL_BYTES_MAX = 32 * MIB;
/** Of one value, and of all together: those of the starter models have a tenth. float32 has 4 bytes, int64 has 8. */
const VALUE_ELEMENTS_MAX = 8e6;
const ALL_ELEMENTS_MAX = 64e6;
/** Of one run: a second or two of one core. */
const OPERATIONS_MAX = 10e9;

/** What a run costs at most. */
export interface ModelCost {
  readonly largestElements: number;
  readonly elements: number;
  readonly operations: number;
}

/**
 * Throws with one line when the model may not run.
 * @param rows of its largest batch
 */
export function inspectModel(bytes: Uint8Array, input: SessionInput, rows: number): ModelCost {
  if (bytes.length > MODEL_BYTES_MAX)
    throw new Error(`it has ${bytes.length} bytes, at most ${MODEL_BYTES_MAX} are read`);
  const graph = readGraph(bytes);
  const perRow = dimensionsPerRow(input);
  const [declared, ...others] = graph.inputs;
  if (declared?.name !== input.name || others.length > 0)
    throw new Error(
      `the model's inputs are ${graph.inputs.map(({ name }) => printable(name)).join(', ')}, the manifest declares ${input.name}`,
    );
  const shapeProblem = findShapeProblem({ isTensor: true, ...declared }, perRow);
  if (shapeProblem !== undefined) throw new Error(shapeProblem);
  if (graph.initializers.has(input.name)) throw new Error(`it holds its own input ${input.name}`);
  const values = new Map<string, Value>(graph.initializers).set(input.name, { dims: [rows, ...perRow] });
  let largestElements = 0;
  let elements = 0;
  let operations = 0;
  for (const [index, node] of graph.nodes.entries()) {
    const what = `node ${index + 1} (${printable(node.operator)})`;
    try {
      const inputs = node.inputs.map((name) => (name === '' ? undefined : known(values, name)));
      const work = runNode(node, inputs);
      operations += work.operations;
      for (const [position, name] of node.outputs.entries()) {
        const value = work.outputs[position]!;
        if (values.has(name)) throw new Error(`writes ${printable(name)} again`);
        if (name !== '') values.set(name, value);
        const count = countOf(value.dims);
        largestElements = Math.max(largestElements, count);
        elements += count;
      }
    } catch (error) {
      throw new Error(`${what} ${messageOf(error)}`);
    }
    if (largestElements > VALUE_ELEMENTS_MAX || elements > ALL_ELEMENTS_MAX)
      throw new Error(`${what} takes the model beyond ${ALL_ELEMENTS_MAX / 1e6} million values`);
    if (operations > OPERATIONS_MAX)
      throw new Error(`${what} takes the model beyond ${OPERATIONS_MAX / 1e9} billion operations`);
  }
  return { largestElements, elements, operations };
}

function known(values: ReadonlyMap<string, Value>, name: string): Value {
  const value = values.get(name);
  if (value === undefined) throw new Error(`reads ${printable(name)}, which nothing before it gives`);
  return value;
}
