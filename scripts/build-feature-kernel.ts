// Compiles the features (lib/features/kernel/*.as.ts) into WebAssembly, and writes lib/features/kernel/kernel-binary.ts: whoever runs the
// system needs no compiler. The compiler is installed beside this script at the first call.
//
//   npm run kernel [-- --check]
//
// Exit codes: 0 written, or with --check what is there is what the sources compile to; 1 it is not, or they do not compile.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KERNEL_FOLDER, sha256OfKernelSources } from '../test/support/features/kernel-sources.ts';

const COMPILER = join(import.meta.dirname, 'feature-kernel');
const BINARY = join(KERNEL_FOLDER, 'kernel-binary.ts');
/** Of 64 KiB. */
const PAGES = 24;
const OPTIONS = [
  ...['-O3', '--converge', '--noAssert', '--enable', 'simd', '--runtime', 'stub'],
  ...['--initialMemory', `${PAGES}`, '--maximumMemory', `${PAGES}`, '--memoryBase', '0'],
];

function compile(): Buffer | undefined {
  const compiler = join(COMPILER, 'node_modules/assemblyscript/bin/asc.js');
  if (!existsSync(compiler)) {
    const install = ['ci', '--prefix', COMPILER, '--ignore-scripts', '--no-audit', '--no-fund'];
    execFileSync('npm', install, { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  const folder = mkdtempSync(join(tmpdir(), 'qt-kernel-'));
  try {
    const file = join(folder, 'kernel.wasm');
    const args = [compiler, 'kernel.as.ts', '--baseDir', KERNEL_FOLDER, '-o', file, ...OPTIONS];
    const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    return status === 0 ? readFileSync(file) : undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const binary = compile();
if (binary === undefined) process.exit(1);
const text = `// Written by \`npm run kernel\` from the *.as.ts beside it.

/** Of the sources. */
export const KERNEL_SOURCES_SHA256 = '${sha256OfKernelSources()}';

/** WebAssembly, base64. */
export const KERNEL_BINARY =
  '${binary.toString('base64')}';
`;
if (!process.argv.includes('--check')) writeFileSync(BINARY, text);
else if (readFileSync(BINARY, 'utf8') !== text) {
  console.error('lib/features/kernel/kernel-binary.ts is not what its sources compile to: npm run kernel');
  process.exit(1);
}
