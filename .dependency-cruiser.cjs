// Direction of imports (docs/ARCHITECTURE.md). Each comment names the remedy.
const domain = '^lib/(market|features|models|signals|labels|risk|trading|rollout|evaluation)/';

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files import each other: move what both need into a third file.',
      severity: 'error',
      from: {},
      to: { circular: true, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'domain-is-pure',
      comment:
        'The domain imports the domain only: pass what it needs as an argument, or move the code to lib/app or lib/adapters.',
      severity: 'error',
      from: { path: domain },
      to: {
        pathNot: [domain, '^lib/(result|invariant)\\.ts$', '(^|/)node_modules/zod/', '^(node:)?crypto$'],
      },
    },
    {
      name: 'app-knows-no-adapter',
      comment:
        'A use case imports the domain and ports.ts: add a method to a port and implement it in lib/adapters.',
      severity: 'error',
      from: { path: '^lib/app/' },
      to: {
        pathNot: [
          domain,
          '^lib/app/',
          '^lib/(result|invariant)\\.ts$',
          '(^|/)node_modules/zod/',
          '^(node:)?crypto$',
        ],
      },
    },
    {
      name: 'adapters-know-no-wiring',
      comment: 'Adapters implement ports: take settings as arguments; lib/wiring passes them.',
      severity: 'error',
      from: { path: '^lib/adapters/' },
      to: { path: '^(lib/wiring|functions|cli|local|infra|bench|scripts|test)/' },
    },
    {
      name: 'vendors-only-in-adapters',
      comment: 'Vendor packages stay behind their adapter: use a port from lib/risk/ports.ts.',
      severity: 'error',
      from: { path: '^(functions|cli|local|lib)/', pathNot: '^lib/adapters/' },
      to: { path: '(^|/)node_modules/(@aws-sdk|ccxt|onnxruntime-node|@aws-lambda-powertools)/' },
    },
    {
      name: 'entry-points-go-through-wiring',
      comment: 'functions, cli and local get their adapters composed by lib/wiring: add a composition there.',
      severity: 'error',
      from: { path: '^(functions|cli)/' },
      to: { path: '^lib/adapters/' },
    },
    {
      name: 'nothing-imports-entry-points',
      comment: 'Move shared code out of functions/cli into lib. Only the local run calls the handlers.',
      severity: 'error',
      from: { path: '^(lib|functions|infra)/' },
      to: { path: '^(cli|local|functions)/', pathNot: '$1' },
    },
    {
      name: 'no-test-code-in-product',
      comment: 'Product code never imports tests, benches or scripts.',
      severity: 'error',
      from: { path: '^(lib|functions|cli|local|infra)/' },
      to: { path: '^(test|bench|scripts)/' },
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
    exclude: { path: '^(cdk\\.out|bench/peers)' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
