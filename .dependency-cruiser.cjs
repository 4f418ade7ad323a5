// Direction of imports (docs/ARCHITECTURE.md). Each comment names the remedy.

/** Lowest first: a capability imports itself and what stands before it. */
const ORDER = ['core', 'market', 'features', 'models', 'inference', 'risk', 'execution', 'rollout'];
/** On top of all of these, and unknown to each other. */
const TOP = ['research', 'api', 'notification', 'diagnosis'];

const CAPABILITY = `^lib/(${[...ORDER, ...TOP].join('|')})/`;
/** Every answer of the HTTP API is a use case: it has no pure part of its own. */
const ANSWERS_API = '^lib/api/';
const PURE_PACKAGES = ['(^|/)node_modules/zod/', '^(node:)?crypto$'];
const TEST_CODE = '^(test|bench|scripts)/';

const below = (capability) => (TOP.includes(capability) ? ORDER : ORDER.slice(0, ORDER.indexOf(capability)));

/** @param paths where a package may be imported, besides test code */
const onlyIn = (name, packages, paths, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { pathNot: [...paths, TEST_CODE] },
  to: { path: `(^|/)node_modules/(${packages})/` },
});

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files import each other: move what both need into a third file.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-folder-cycles',
      comment: 'Two folders import each other: move what both need into the lower one.',
      severity: 'error',
      scope: 'folder',
      from: {},
      to: { circular: true },
    },
    ...[...ORDER, ...TOP].map((capability) => ({
      name: 'capabilities-in-order',
      comment: `lib/${capability} imports ${below(capability).join(', ') || 'no other capability'}: name a port, or move what is shared into the lower capability.`,
      severity: 'error',
      from: { path: `^lib/${capability}/` },
      to: { path: CAPABILITY, pathNot: `^lib/(${[capability, ...below(capability)].join('|')})/` },
    })),
    {
      name: 'capabilities-are-self-contained',
      comment:
        'A capability imports capabilities, zod and hashes: name a port in ports.ts and implement it in lib/adapters.',
      severity: 'error',
      from: { path: CAPABILITY },
      to: { pathNot: [CAPABILITY, ...PURE_PACKAGES] },
    },
    {
      name: 'pure-files-reach-no-port',
      comment:
        'A file at the top of a capability computes: pass what it needs as an argument, or move it to use-cases/.',
      severity: 'error',
      from: { path: CAPABILITY, pathNot: ['/use-cases/', '/ports\\.ts$', ANSWERS_API] },
      to: { path: ['^lib/[^/]+/ports\\.ts$', '^lib/[^/]+/use-cases/'] },
    },
    {
      name: 'ports-know-no-use-case',
      comment: 'A port is named by what it carries: move the type to the top of the capability.',
      severity: 'error',
      from: { path: '^lib/[^/]+/ports\\.ts$' },
      to: { path: '^lib/[^/]+/use-cases/' },
    },
    {
      name: 'adapters-know-no-runtime',
      comment: 'Adapters implement ports: take settings as arguments; lib/runtime passes them.',
      severity: 'error',
      from: { path: '^lib/adapters/' },
      to: { path: '^lib/runtime/' },
    },
    {
      name: 'only-runtime-reaches-adapters',
      comment: 'Adapters are composed in lib/runtime/compose: add a composition there.',
      severity: 'error',
      from: { pathNot: ['^lib/(adapters|runtime)/', '^local/', TEST_CODE] },
      to: { path: '^lib/adapters/', pathNot: '^lib/adapters/aws/resources\\.ts$' },
    },
    onlyIn(
      'ccxt-only-in-its-adapter',
      'ccxt',
      ['^lib/adapters/binance/'],
      'ccxt stays in lib/adapters/binance: use the port MarketData or Broker.',
    ),
    onlyIn(
      'aws-only-in-its-adapter',
      '@aws-sdk|@smithy',
      ['^lib/adapters/aws/', '^(local|infra)/'],
      'The AWS SDK stays in lib/adapters/aws: use the port of the store.',
    ),
    onlyIn(
      'onnxruntime-only-in-its-adapter',
      'onnxruntime-(node|common)',
      ['^lib/adapters/onnx/'],
      'ONNX Runtime stays in lib/adapters/onnx: use the port ModelRuntime.',
    ),
    onlyIn(
      'powertools-only-in-its-adapter',
      '@aws-lambda-powertools',
      ['^lib/adapters/telemetry/'],
      'Powertools stays in lib/adapters/telemetry: use what it exports.',
    ),
    {
      name: 'research-decides-nothing',
      comment:
        'Research is for the operator: only cli, lib/runtime and adapters that store its files import it.',
      severity: 'error',
      from: { pathNot: ['^lib/(research|runtime)/', '^lib/adapters/files/', '^cli/', TEST_CODE] },
      to: { path: '^lib/research/' },
    },
    {
      name: 'nothing-imports-entry-points',
      comment:
        'Move shared code out of functions, cli and infra into lib. Only the local run calls the handlers.',
      severity: 'error',
      from: { path: '^(lib|functions|infra)/' },
      to: { path: '^(cli|local|functions|infra)/', pathNot: '^$1/' },
    },
    {
      name: 'local-run-knows-no-command',
      comment: 'The local run is started by the command line, and knows neither it nor infra.',
      severity: 'error',
      from: { path: '^local/' },
      to: { path: '^(cli|infra)/' },
    },
    {
      name: 'no-test-code-in-product',
      comment: 'Product code never imports tests, benches or scripts.',
      severity: 'error',
      from: { path: '^(lib|functions|cli|local|infra|dashboard)/' },
      to: { path: TEST_CODE },
    },
    {
      name: 'no-test-imports-a-test',
      comment:
        'What tests share lives in test/support; a contract suite in test/contract is run by tests only.',
      severity: 'error',
      from: {},
      to: { path: '\\.test\\.ts$' },
    },
    {
      name: 'support-knows-no-test',
      comment: 'Set-up that tests share stands on its own in test/support: move it there.',
      severity: 'error',
      from: { path: '^(test/support|bench|scripts)/' },
      to: { path: '^test/', pathNot: '^test/support/' },
    },
    {
      name: 'no-unresolvable',
      comment: 'The import leads nowhere: fix the path, or add the package to package.json.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-dev-dependencies-in-product',
      comment:
        'Product code needs a package that is only installed for development: move it to dependencies.',
      severity: 'error',
      from: { path: '^(lib|functions|cli|local)/' },
      to: {
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['type-only'],
        pathNot: 'node_modules/@types/',
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(cdk\\.out|bench/peers|scripts/feature-kernel)|\\.as\\.ts$' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
