// The known mistakes stay where they can be made: a mutant whose place has gone tests nothing any more.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { mutate } from '../../scripts/mutants/mutate.ts';
import { SAFETY_CORE } from '../../scripts/mutants/safety-core.ts';
import { SIM_MUTANTS } from '../support/sim/mutants/mutants.ts';

const root = resolve(import.meta.dirname, '../..');

it('every mutant has its place, once, and a test that is there', () => {
  const problems = SAFETY_CORE.flatMap((mutant) => {
    const mutated = mutate(readFileSync(join(root, mutant.file), 'utf8'), mutant);
    if (!mutated.ok) return [mutated.error];
    return existsSync(join(root, mutant.test)) ? [] : [`${mutant.name}: ${mutant.test} is not there`];
  });
  expect(problems).toEqual([]);
  expect(new Set(SAFETY_CORE.map(({ name }) => name)).size).toBe(SAFETY_CORE.length);
});

it('every mutant of the simulation has its places, each once', () => {
  const problems = SIM_MUTANTS.flatMap(({ name, mutations }) =>
    mutations.flatMap(({ file, from: search, to: replace }) => {
      const mutated = mutate(readFileSync(join(root, file), 'utf8'), {
        ...{ name, harm: '', file, search, replace, test: '' },
      });
      return mutated.ok ? [] : [mutated.error];
    }),
  );
  expect(problems).toEqual([]);
});

it('a place that is gone, or is there twice, is told', () => {
  const mutant = { name: 'm', harm: '', file: 'f', search: 'a', replace: '$&', test: 't' };
  expect(mutate('bab', mutant)).toEqual({ ok: true, value: 'b$&b' });
  expect(mutate('bb', mutant)).toMatchObject({ ok: false, error: expect.stringContaining('0 times') });
  expect(mutate('aa', mutant)).toMatchObject({ ok: false, error: expect.stringContaining('2 times') });
});
