import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { versionDifferences } from '../../lib/risk/code-version.ts';

describe('versionDifferences', () => {
  it('is empty when every function runs the own version', () => {
    expect(
      versionDifferences('b', [
        ['infer', 'b'],
        ['manage-positions', 'b'],
      ]),
    ).toEqual([]);
    expect(versionDifferences('b', [])).toEqual([]);
  });

  it('names every other version once, older or newer, and those that say none', () => {
    const seen = [
      ['infer', 'a'],
      ['infer', 'a'],
      ['infer', 'b'],
      ['manage-positions', 'c'],
      ['circuit-breaker', undefined],
    ] as const;
    expect(versionDifferences('b', seen)).toEqual([
      'infer runs a, not b',
      'manage-positions runs c, not b',
      'circuit-breaker runs an unknown version, not b',
    ]);
  });

  it('never agrees with what it does not know, on either side', () => {
    const version = fc.option(fc.constantFrom('a', 'b'), { nil: undefined });
    fc.assert(
      fc.property(version, version, (own, other) => {
        const agrees = versionDifferences(own, [['manage-positions', other]]).length === 0;
        expect(agrees).toBe(own !== undefined && own === other);
      }),
    );
  });
});
