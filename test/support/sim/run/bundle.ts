// Makes one program of the simulation and the product: no module is then loaded while it runs, which would take real time, and a mutant
// is the same program with one text of its source replaced.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '../../../..');
export const BUNDLE_FOLDER = resolve(ROOT, '.qt/sim');
/** ccxt looks for the modules of proxies that nobody has installed, once for each client, from the disk. */
const PROXY_SEARCH = 'async loadProxyModules() {';
/** For each client, ccxt gives every method a second name, and makes one for each of the 900 paths of all of Binance's APIs. */
const SECOND_NAMES = '        unCamelCaseProperties();\n';
const EVERY_PATH =
  '            const key = keys[i];\n            const value = api[key];\n            const uppercaseMethod';
/** Those that are asked for by a method of their own. */
const OUR_PATHS = EVERY_PATH.replace(
  'const value',
  "if (paths.length === 0 && !key.startsWith('fapiPublic')) continue;\n            const value",
);

/** What handlers import for AWS, and a simulation never opens; some of it slows every promise of the process down. */
const NEVER_CALLED =
  /^(@aws-sdk|@smithy|@aws-lambda-powertools|aws-xray|onnxruntime|protobufjs|undici|ws$|esbuild$)/;

/** A time limit that no simulation reaches (functions.ts): what answers in time is left to the faults. */
const TIMER = `        const controller = new AbortController();
        params['signal'] = controller.signal;
        const timeout = setTimeout(() => {
            controller.abort();
        }, this.timeout);
`;
const NO_TIMER = `        const timeout = undefined;
        params['signal'] = { aborted: false, addEventListener() {} };
`;

const SLOW_HMAC = "const hmac = (request, secret, hash, digest = 'hex') => {";
const SIGNATURES = JSON.stringify(resolve(import.meta.dirname, 'signatures.ts'));
const FAST_HMAC = `import { signatureOf } from ${SIGNATURES};\n${SLOW_HMAC}
  if (digest === 'hex' && hash.outputLen === 32 && hash.blockLen === 64) return signatureOf(request, secret);`;
/** Of the simulated exchange, which checks what the client has just made. */
const EXPECTED = "createHmac('sha256', secret).update(payload).digest()";

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
    // Folds the objects that are spread where they are written.
    minifySyntax: true,
    sourcemap: 'inline',
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    plugins: [replaced(mutations)],
  });
  return outfile;
}

/** Throws unless each text stands there exactly once. */
function replacedOnce(source: string, texts: readonly (readonly [from: string, to: string])[]): string {
  return texts.reduce((contents, [from, to]) => {
    if (contents.split(from).length !== 2) throw new Error(`not exactly once in its file: ${from}`);
    return contents.replace(from, () => to);
  }, source);
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
      const contents = replacedOnce(readFileSync(path, 'utf8'), [
        [PROXY_SEARCH, `${PROXY_SEARCH} return;`],
        [SECOND_NAMES, ''],
        [EVERY_PATH, OUR_PATHS],
        [TIMER, NO_TIMER],
      ]);
      return { contents, loader: 'js' };
    });
    // Client and exchange sign alike, in a hundredth of the time.
    onLoad({ filter: /ccxt\/js\/src\/base\/functions\/crypto\.js$/ }, ({ path }) => {
      const contents = replacedOnce(readFileSync(path, 'utf8'), [[SLOW_HMAC, FAST_HMAC]]);
      return { contents, loader: 'js' };
    });
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const mine = mutations.filter(({ file }) => path === resolve(ROOT, file));
      const isExpecting = path === resolve(ROOT, 'local/exchange/signed-request.ts');
      if (mine.length === 0 && !isExpecting) return undefined;
      const texts = mine.map(({ from, to }) => [from, to] as const);
      const source = replacedOnce(readFileSync(path, 'utf8'), texts);
      const contents = isExpecting
        ? `import { signatureOf } from ${SIGNATURES};\n${replacedOnce(source, [[EXPECTED, "Buffer.from(signatureOf(payload, secret), 'hex')"]])}`
        : source;
      for (const mutation of mine) applied.add(mutation);
      return { contents, loader: 'ts' };
    });
    onEnd(() => {
      const missing = mutations.filter((mutation) => !applied.has(mutation));
      if (missing.length > 0) throw new Error(`${missing[0]!.file} is no part of the simulation`);
    });
  },
});
