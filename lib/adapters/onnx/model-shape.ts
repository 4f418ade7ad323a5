// The shapes of a model's values as its manifest declares them, and how they are told from others.
import type { SessionInput } from '../../models/check-manifest.ts';

/** What a graph or a session says of a value. */
interface DeclaredValue {
  readonly name: string;
  readonly isTensor: boolean;
  readonly type?: string;
  readonly shape?: readonly (number | string)[];
}

/** @returns one line; undefined when the value is float32 [rows, …perRow] with any number of rows */
export function findShapeProblem(
  value: DeclaredValue,
  perRow: readonly number[],
  { widthMayBeOpen } = { widthMayBeOpen: false },
): string | undefined {
  const wanted = `must be float32 [rows,${perRow.join(',')}]`;
  if (!value.isTensor) return `${value.name} is not a tensor, ${wanted}`;
  const { type, shape = [] } = value;
  const [rows, ...dimensions] = shape;
  const fits =
    type === 'float32' &&
    typeof rows === 'string' &&
    dimensions.length === perRow.length &&
    perRow.every((size, axis) => {
      const dimension = dimensions[axis];
      return dimension === size || (widthMayBeOpen && typeof dimension === 'string');
    });
  return fits ? undefined : `${value.name} is ${type} [${shape.map((size) => size || '?')}], ${wanted}`;
}

export function dimensionsPerRow(input: SessionInput): readonly number[] {
  return input.kind === 'sequence' ? [input.steps, input.columns.length] : [input.columns.length];
}
