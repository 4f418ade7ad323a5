import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['test/aws-emulator/*.test.ts'],
    setupFiles: ['test/aws-emulator/known-laxness.ts'],
    testTimeout: 180_000,
    hookTimeout: 300_000,
    pool: 'forks',
    // Each file starts an emulator of its own.
    maxWorkers: 2,
  },
});
