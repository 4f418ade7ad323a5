// Random draws for bootstrap intervals, always from the same seed: the same data give the same bounds.
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { DrawIndex } from '../../core/statistics/block-bootstrap.ts';

const SEED = 20_240_801;

export function seededDraws(): DrawIndex {
  const generator = xoroshiro128plus(SEED);
  return (count) => uniformInt(generator, 0, count - 1);
}
