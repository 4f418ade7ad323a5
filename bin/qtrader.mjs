#!/usr/bin/env node
// Entry of the `qtrader` command: runs the TypeScript sources, bundled on the way, so that a checkout needs no build step.
import { bundledProgram } from './bundled-program.mjs';

// The SDK warns on every start that it will want a newer Node some day; package.json's engines already say what works.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
// Stack traces name the sources; before anything is loaded, or Node does not read their maps.
if (process.env.QT_DEBUG === '1') process.setSourceMapsEnabled(true);
const bundle = await bundledProgram();
const { runProcess } = bundle === undefined ? await sourcesAsTheyAre() : await import(bundle);
await runProcess();

async function sourcesAsTheyAre() {
  const { register } = await import('tsx/esm/api');
  register();
  const { runProcess } = await import('../cli/qtrader.ts');
  return { runProcess };
}
