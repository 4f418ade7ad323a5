// The process in which an unproven model runs; its one argument is how many bytes it may hold. A second thread watches it: while the
// native runtime works, the first hears nothing.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { messageOf } from '../../core/message-of.ts';
import type { ModelSession } from '../../models/ports.ts';
import { createOnnxModelRuntime, type DeclaredModel } from './onnx-model-runtime.ts';

export type ModelOrder =
  | { readonly order: 'start' }
  | ({ readonly order: 'open' } & DeclaredModel)
  | { readonly order: 'run'; readonly input: Float32Array; readonly rows: number };

export interface ModelAnswer {
  readonly problem?: string;
  readonly output?: Float32Array;
}

/** Ends the process when it grows too large, or has lost its parent. Plain JavaScript: a thread's loader would take long. */
const WATCH = `
  const { workerData, parentPort } = require('node:worker_threads');
  setInterval(() => {
    const isTooLarge = process.memoryUsage.rss() > workerData.residentBytes;
    if (isTooLarge || process.ppid !== workerData.parent) process.kill(process.pid, 'SIGTERM');
  }, 10);
  parentPort.postMessage('watching');
`;
const watch = new Worker(WATCH, {
  eval: true,
  workerData: { residentBytes: Number(process.argv[2]), parent: process.ppid },
});
const watching = once(watch, 'message');

let session: ModelSession | undefined;

async function answer(order: ModelOrder): Promise<ModelAnswer> {
  await watching;
  if (order.order === 'start') return {};
  if (order.order === 'run') return { output: await session!.answers(order.input, order.rows) };
  const opened = await createOnnxModelRuntime().createSession(order);
  if (!opened.ok) return { problem: opened.error };
  session = opened.value;
  return {};
}

process.on('message', async (order: ModelOrder) => {
  const answered = await answer(order).catch((error: unknown) => ({ problem: messageOf(error) }));
  process.send!(answered satisfies ModelAnswer);
});
process.on('disconnect', () => process.exit());
