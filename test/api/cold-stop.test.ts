// What a new process of the api function loads before it can stop anything: no reader, no document, no exchange library.
import { buildSync } from 'esbuild';
import { expect, it } from 'vitest';

it('loads neither the read model nor the exchange library before an emergency stop', () => {
  const { metafile } = buildSync({
    entryPoints: { handler: 'functions/api/handler.ts' },
    ...{ outdir: 'unwritten', bundle: true, splitting: true, format: 'esm', platform: 'node' },
    ...{ metafile: true, write: false, logLevel: 'error', external: ['protobufjs/*'] },
  });
  const { outputs } = metafile;
  const entry = Object.keys(outputs).find(
    (path) => outputs[path]!.entryPoint === 'functions/api/handler.ts',
  )!;
  const loaded = new Set([entry]);
  for (const path of loaded)
    for (const { path: next, kind } of outputs[path]!.imports)
      if (kind === 'import-statement' && outputs[next] !== undefined) loaded.add(next);
  const atStart = [...loaded].flatMap((path) => Object.keys(outputs[path]!.inputs));
  const later = /^lib\/api\/(read-model|serve-reads|api-document)|^node_modules\/ccxt\//;
  expect(atStart).toContain('lib/api/serve-stop.ts');
  expect(atStart.filter((path) => later.test(path))).toEqual([]);
  expect(Object.values(outputs).some(({ inputs }) => 'lib/api/serve-reads.ts' in inputs)).toBe(true);
});
