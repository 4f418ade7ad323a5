// The tests that Stryker runs: those of the mutated capability, but for what takes minutes.
import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Under the folder that Stryker names.
    include: ['**/*.test.ts'],
    exclude: [...configDefaults.exclude, '**/gate-states.test.ts'],
    testTimeout: 180_000,
    pool: 'forks',
  },
});
