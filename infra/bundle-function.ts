// Makes the code of one function: one minified ES module, and beside it ONNX Runtime for the function that asks models. Without
// Docker and without npm, so that a fresh clone synthesises offline. Only the files that ONNX Runtime needs on Lambda are copied:
// with everything that its package brings it is over Lambda's limit of 250 MB.
import { cpSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { buildSync } from 'esbuild';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));

const ONNX_RUNTIME_FILES = [
  'onnxruntime-node/package.json',
  'onnxruntime-node/dist',
  'onnxruntime-node/bin/napi-v6/linux/x64/onnxruntime_binding.node',
  'onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1',
  'onnxruntime-common/package.json',
  'onnxruntime-common/dist/cjs',
];

/** CommonJS packages inside the module call `require` for what Node brings. */
const REQUIRE_FOR_ESM =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

export interface BundleOptions {
  /** Folder in functions/. */
  readonly name: string;
  /** Whether it loads models; a function that does not, and imports ONNX Runtime all the same, fails the build. */
  readonly loadsModels: boolean;
}

/** The code as a CDK asset: `handler.mjs`, exporting `handler`. Its hash is that of its bytes. */
export function bundleFunction(options: BundleOptions): Code {
  return Code.fromAsset(join(PROJECT, 'functions', options.name), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      image: DockerImage.fromRegistry('scratch'),
      local: {
        tryBundle(outputFolder) {
          writeBundle(outputFolder, options);
          return true;
        },
      },
    },
  });
}

function writeBundle(folder: string, { name, loadsModels }: BundleOptions): void {
  const empty = './infra/empty-module.cjs';
  buildSync({
    absWorkingDir: PROJECT,
    entryPoints: [join('functions', name, 'handler.ts')],
    outfile: join(folder, 'handler.mjs'),
    bundle: true,
    minify: true,
    legalComments: 'none',
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    external: loadsModels ? ['onnxruntime-node'] : [],
    alias: { 'protobufjs/minimal': empty, 'protobufjs/minimal.js': empty },
    banner: { js: REQUIRE_FOR_ESM },
    logLevel: 'error',
  });
  if (!loadsModels) return;
  for (const file of ONNX_RUNTIME_FILES) {
    const source = join(PROJECT, 'node_modules', file);
    cpSync(source, join(folder, 'node_modules', file), { recursive: statSync(source).isDirectory() });
  }
}
