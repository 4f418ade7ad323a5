// `npm run slim`: leaves of node_modules what runs the system on this machine. Packages for development go, and so do the libraries of
// ONNX Runtime and of the key-value store that are for other systems or for GPUs. `npm ci` brings everything back.
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const MODULES = resolve(import.meta.dirname, '../node_modules');
const ONNX = join(MODULES, 'onnxruntime-node/bin');
const PREBUILDS = join(MODULES, 'classic-level/prebuilds');
const { platform, arch } = process;

const foldersIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));

/** Paths of what another system would need. Throws where this system's own library is missing: then nothing is safe to remove. */
function foreignLibraries(): string[] {
  const systems = foldersIn(ONNX).flatMap((api) =>
    foldersIn(join(ONNX, api)).flatMap((system) =>
      foldersIn(join(ONNX, api, system)).map((processor) => ({
        system,
        processor,
        folder: join(ONNX, api, system, processor),
      })),
    ),
  );
  const own = systems.filter(({ system, processor }) => system === platform && processor === arch);
  if (!own.some(({ folder }) => existsSync(join(folder, 'onnxruntime_binding.node'))))
    throw new Error(
      `onnxruntime-node has no library for ${platform} ${arch}: nothing was removed; run npm ci`,
    );
  const providers = own.flatMap(({ folder }) =>
    readdirSync(folder)
      .filter((name) => /providers_(cuda|tensorrt)/.test(name))
      .map((name) => join(folder, name)),
  );
  const prebuilds = foldersIn(PREBUILDS);
  const isOwn = (name: string) =>
    name.startsWith(`${platform}-`) &&
    name
      .slice(platform.length + 1)
      .split('+')
      .includes(arch);
  if (!prebuilds.some(isOwn))
    throw new Error(`classic-level has no library for ${platform} ${arch}: nothing was removed; run npm ci`);
  return [
    ...systems.filter((each) => !own.includes(each)).map(({ folder }) => folder),
    ...providers,
    ...prebuilds.filter((name) => !isOwn(name)).map((name) => join(PREBUILDS, name)),
  ];
}

function megabytesIn(folder: string): number {
  const bytes = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + lstatSync(join(entry.parentPath, entry.name)).size, 0);
  return Math.round(bytes / 2 ** 20);
}

try {
  if (!existsSync(ONNX) || !existsSync(PREBUILDS))
    throw new Error('nothing is installed here: run npm ci first');
  const before = megabytesIn(MODULES);
  const foreign = foreignLibraries();
  execFileSync('npm', ['prune', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--offline'], {
    cwd: resolve(MODULES, '..'),
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: platform === 'win32',
  });
  for (const path of foreign) rmSync(path, { recursive: true });
  console.log(
    `node_modules: ${before} MB, now ${megabytesIn(MODULES)} MB. npm test, check and synth need npm ci again.`,
  );
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
