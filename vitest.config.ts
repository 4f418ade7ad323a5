import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Needs Python: npm run test:aws-emulator.
    exclude: [...configDefaults.exclude, 'test/aws-emulator/**'],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: 'forks',
    // Vitest leaves one core to itself; on two, that halves the speed.
    maxWorkers: '100%',
    // As bin/qtrader.mjs does; `qtrader doctor` says it once.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
  },
});
