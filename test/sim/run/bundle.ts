// Makes one program of the simulation and the product: no module is then loaded while it runs, which would take real time, and a mutant
// is the same program with one text of its source replaced.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '../../..');
export const BUNDLE_FOLDER = resolve(ROOT, '.qt/sim');
/** ccxt looks for the modules of proxies that nobody has installed, once for each client, from the disk. */
const PROXY_SEARCH = 'async loadProxyModules() {';

/** What handlers import for AWS, and a simulation never opens; some of it slows every promise of the process down. */
const NEVER_CALLED =
  /^(@aws-sdk|@smithy|@aws-lambda-powertools|aws-xray|onnxruntime|protobufjs|undici|ws$|esbuild$)/;

const SLOW_HMAC = "const hmac = (request, secret, hash, digest = 'hex') => {";
const FAST_HMAC = `import { createHmac } from 'node:crypto';\n${SLOW_HMAC}
  if (digest === 'hex' && hash.outputLen === 32 && hash.blockLen === 64) return createHmac('sha256', secret).update(request).digest('hex');`;

export interface Mutation {
  /** From the root. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly from: string;
  readonly to: string;
}

/** @returns the path of the program. Throws when a mutation does not apply. */
export async function bundle(name: string, mutations: readonly Mutation[] = []): Promise<string> {
  const outfile = resolve(BUNDLE_FOLDER, `${name}.mjs`);
  await build({
    ...{ outfile, bundle: true, platform: 'node', format: 'esm', target: 'node20', logLevel: 'silent' },
    entryPoints: [resolve(import.meta.dirname, 'main.ts')],
    sourcemap: 'inline',
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    plugins: [replaced(mutations)],
  });
  return outfile;
}

const replaced = (mutations: readonly Mutation[]): Plugin => ({
  name: 'replaced',
  setup({ onResolve, onLoad, onEnd }) {
    onResolve({ filter: NEVER_CALLED }, ({ path }) => ({ path, namespace: 'never-called' }));
    onLoad({ filter: /.*/, namespace: 'never-called' }, () => ({
      contents: 'module.exports = {}',
      loader: 'js',
    }));
    const applied = new Set<Mutation>();
    onLoad({ filter: /ccxt\/js\/src\/base\/Exchange\.js$/ }, ({ path }) => {
      const contents = readFileSync(path, 'utf8').replace(PROXY_SEARCH, `${PROXY_SEARCH} return;`);
      return { contents, loader: 'js' };
    });
    // The same digest in a tenth of the time.
    onLoad({ filter: /ccxt\/js\/src\/base\/functions\/crypto\.js$/ }, ({ path }) => {
      const contents = readFileSync(path, 'utf8').replace(SLOW_HMAC, () => FAST_HMAC);
      return { contents, loader: 'js' };
    });
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const mine = mutations.filter(({ file }) => path === resolve(ROOT, file));
      if (mine.length === 0) return undefined;
      let contents = readFileSync(path, 'utf8');
      for (const mutation of mine) {
        if (contents.split(mutation.from).length !== 2)
          throw new Error(`${mutation.file} has not exactly once: ${mutation.from}`);
        contents = contents.replace(mutation.from, () => mutation.to);
        applied.add(mutation);
      }
      return { contents, loader: 'ts' };
    });
    onEnd(() => {
      const missing = mutations.filter((mutation) => !applied.has(mutation));
      if (missing.length > 0) throw new Error(`${missing[0]!.file} is no part of the simulation`);
    });
  },
});
