// The command's sources as one bundle, and the packages that nearly every command uses: it starts in a third of the time that their
// transpiling one by one takes. It is made again whenever a source is another, by the contents, or the lockfile: there is no step to
// forget, and no stale code.
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const ROOT = resolve(import.meta.dirname, '..');
const FOLDERS = ['bin', 'cli', 'dashboard', 'functions', 'infra', 'lib', 'local'];
const FILES = ['package.json', 'package-lock.json', 'tsconfig.json'];
const ENTRY = join(ROOT, 'cli/qtrader.ts');
/** Within node_modules, so that a new install starts anew, and from where packages are found. */
const CACHE = join(ROOT, 'node_modules/.cache/qtrader');
/** Packages with native code, with files that they look for themselves, or that few commands load. */
const LEFT_OUT = [
  'onnxruntime-node',
  'dynalite',
  'esbuild',
  'tsx',
  'bufferutil',
  'undici',
  'aws-cdk-lib',
  'constructs',
  '@aws-sdk/client-cloudformation',
  '@aws-sdk/client-cloudwatch-logs',
  '@aws-sdk/client-iam',
  '@aws-sdk/client-sts',
];
/** CommonJS packages inside the bundle call `require` for Node's own modules. */
const REQUIRE_FOR_ESM =
  "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);";
/** A running system still imports parts of the bundle that it was started from. */
const KEPT_BUNDLES = 20;

/** URL of the module that exports `runProcess`; undefined where no bundle can be made or kept, as in a read-only install. */
export async function bundledProgram() {
  try {
    const folder = join(CACHE, hashOfSources());
    if (!existsSync(folder)) await makeBundle(folder);
    return pathToFileURL(join(folder, 'qtrader.js')).href;
  } catch {
    return undefined;
  }
}

function hashOfSources() {
  const hash = createHash('sha256').update(process.version);
  const sources = FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true })
      .filter((name) => /\.(ts|tsx|mjs|json)$/.test(name))
      .sort()
      .map((name) => join(folder, name)),
  );
  // The path too: it is written into the bundle.
  hash.update(ROOT);
  for (const name of [...FILES, ...sources])
    hash.update(`\n${name}\n`).update(readFileSync(join(ROOT, name)));
  return hash.digest('hex').slice(0, 32);
}

async function makeBundle(folder) {
  const { build } = await import('esbuild');
  // Two processes may make it at once: each bundle is whole, and the first one stays.
  const mine = join(CACHE, `.${randomUUID()}`);
  mkdirSync(mine, { recursive: true });
  try {
    await build({
      entryPoints: [ENTRY],
      outdir: mine,
      bundle: true,
      // What a command does not use is not even read.
      splitting: true,
      external: LEFT_OUT,
      mainFields: ['module', 'main'],
      banner: { js: REQUIRE_FOR_ESM },
      format: 'esm',
      platform: 'node',
      target: 'node20',
      sourcemap: true,
      sourcesContent: false,
      logLevel: 'silent',
      plugins: [placesOfSources],
    });
    renameSync(mine, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(mine, { recursive: true, force: true });
  }
  removeOldBundles();
}

/** A source's own place, by which it finds files beside it, stays that of the source. */
const placesOfSources = {
  name: 'places-of-sources',
  setup({ onLoad }) {
    onLoad({ filter: /\.tsx?$/ }, ({ path }) => {
      const source = readFileSync(path, 'utf8');
      if (!source.includes('import.meta.')) return undefined;
      const contents = source
        .replaceAll('import.meta.dirname', () => JSON.stringify(dirname(path)))
        .replaceAll('import.meta.url', () => JSON.stringify(pathToFileURL(path).href));
      return { contents, loader: path.endsWith('x') ? 'tsx' : 'ts' };
    });
  },
};

function removeOldBundles() {
  const bundles = readdirSync(CACHE)
    .map((name) => join(CACHE, name))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  for (const old of bundles.slice(KEPT_BUNDLES)) rmSync(old, { recursive: true, force: true });
}
