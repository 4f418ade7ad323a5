#!/usr/bin/env node
// Entry of the `qt` command: runs the TypeScript sources as they are, so that a checkout needs no build step.
import { register } from 'tsx/esm/api';

register();
await import('../cli/qt.ts');
