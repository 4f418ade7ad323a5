#!/usr/bin/env node
// Entry of the `qtrader` command: runs the TypeScript sources as they are, so that a checkout needs no build step.
import { register } from 'tsx/esm/api';

// The SDK warns on every start that it will want a newer Node some day; package.json's engines already say what works.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
register();
const { runProcess } = await import('../cli/qtrader.ts');
await runProcess();
