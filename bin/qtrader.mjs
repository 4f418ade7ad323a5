#!/usr/bin/env node
// Entry of the `qtrader` command: runs the TypeScript sources, bundled on the way, so that a checkout needs no build step.
import { setFlagsFromString } from 'node:v8';
import { bundledProgram } from './bundled-program.mjs';

// The SDK warns on every start that it will want a newer Node some day; package.json's engines already say what works.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
// Stack traces name the sources; before anything is loaded, or Node does not read their maps.
if (process.env.QT_DEBUG === '1') process.setSourceMapsEnabled(true);
// What runs once or twice is most of a start: V8 compiles it quickly and at once, and optimises what is hot later (docs/PERFORMANCE.md).
if (process.argv[2] === 'start')
  for (const flag of ['--always-sparkplug', '--interrupt-budget=600000', '--no-flush-bytecode'])
    setFlagsFromString(flag);
const bundle = await bundledProgram();
const { runProcess } = bundle === undefined ? await sourcesAsTheyAre() : await import(bundle);
await runProcess();

async function sourcesAsTheyAre() {
  const { register } = await import('tsx/esm/api');
  register();
  const { runProcess } = await import('../cli/qtrader.ts');
  return { runProcess };
}
