// Bundles the code of one function: minified ES modules, with lazily imported code in separate files so that a cold start does not
// parse it, and ONNX Runtime for the function that loads models. It needs neither Docker nor npm, so that a fresh clone synthesises
// offline. Only the files that ONNX Runtime needs on Lambda are copied: its whole package exceeds Lambda's limit of 250 MB.

import { createHash } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { buildSync } from 'esbuild';
import { buildPage } from '../../dashboard/build-page.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

const ONNX_RUNTIME_FILES = [
  'onnxruntime-node/package.json',
  'onnxruntime-node/dist',
  'onnxruntime-node/bin/napi-v6/linux/x64/onnxruntime_binding.node',
  'onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1',
  'onnxruntime-common/package.json',
  'onnxruntime-common/dist/cjs',
];

/** CommonJS packages inside the module call `require` for Node's own modules. */
const REQUIRE_FOR_ESM =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

export interface BundleOptions {
  /** Folder in functions/. */
  readonly name: string;
  /** A function that does not load models but imports ONNX Runtime fails the build. */
  readonly loadsModels: boolean;
  /** Copied beside the code, each by its name without the folders. @default none */
  readonly files?: readonly string[] | undefined;
}

/** Sources of the functions; a test compares them with what esbuild reads. */
const SOURCES = [
  'functions',
  'lib',
  'dashboard',
  'infra/constructs/bundle-function.ts',
  'infra/constructs/cls-context.cjs',
  'infra/constructs/empty-module.cjs',
  'infra/constructs/node-http.cjs',
  'package-lock.json',
];

/** The page is made of the sources beside it. It is written while functions are bundled: counted, it would part their versions. */
const BUILT = /^dashboard\/(page|\.page-\d+)\.html$/;

/**
 * The version that a deploy stamps into all of its functions, 12 hex digits. It is the same for all: with versions of their own, a
 * function that did not change would be blocked forever. It changes with every byte that may go into any of them.
 */
export function codeVersionOf(project: string): string {
  const hash = createHash('sha256');
  for (const source of SOURCES) {
    const path = join(project, source);
    const files = statSync(path).isDirectory() ? filesUnder(path) : [path];
    for (const file of files) {
      if (BUILT.test(relative(project, file))) continue;
      const bytes = readFileSync(file);
      hash.update(`${relative(project, file)}\0${bytes.length}\0`).update(bytes);
    }
  }
  return hash.digest('hex').slice(0, 12);
}

const filesUnder = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();

/** The code as a CDK asset: `handler.mjs`, exporting `handler`. Its hash is that of its content. */
export const bundleFunction = ({ name, ...contents }: BundleOptions): Code =>
  bundle(join('functions', name), contents);

/** Of the function that creates what is missing when a stage is deployed. */
export const bundleCreateOnce = (): Code => bundle('infra/create-once', { loadsModels: false });

function bundle(source: string, contents: Omit<BundleOptions, 'name'>): Code {
  return Code.fromAsset(join(PROJECT, source), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      image: DockerImage.fromRegistry('scratch'),
      local: {
        tryBundle(outputFolder) {
          writeBundle(outputFolder, source, contents);
          return true;
        },
      },
    },
  });
}

function writeBundle(
  folder: string,
  source: string,
  { loadsModels, files = [] }: Omit<BundleOptions, 'name'>,
): void {
  const empty = './infra/constructs/empty-module.cjs';
  const http = './infra/constructs/node-http.cjs';
  const contexts = './infra/constructs/cls-context.cjs';
  buildSync({
    absWorkingDir: PROJECT,
    entryPoints: [{ in: join(source, 'handler.ts'), out: 'handler' }],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    minify: true,
    legalComments: 'none',
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    external: loadsModels ? ['onnxruntime-node'] : [],
    alias: {
      'protobufjs/minimal': empty,
      'protobufjs/minimal.js': empty,
      '@scure/starknet': empty,
      ws: empty,
      'cls-hooked/context': contexts,
      'node:http': http,
      http,
    },
    banner: { js: REQUIRE_FOR_ESM },
    define: { QT_CODE_VERSION: JSON.stringify(codeVersionOf(PROJECT)) },
    logLevel: 'error',
  });
  // The dashboard is built from its sources: a bundle never holds an older page.
  if (files.length > 0) buildPage();
  for (const file of files) cpSync(join(PROJECT, file), join(folder, basename(file)));
  if (!loadsModels) return;
  for (const file of ONNX_RUNTIME_FILES) {
    const source = join(PROJECT, 'node_modules', file);
    cpSync(source, join(folder, 'node_modules', file), { recursive: statSync(source).isDirectory() });
  }
}
