// Worker thread of the feature benchmark: computes all rows of the series it is sent and answers with their number. Plain
// JavaScript that registers tsx itself, since worker threads do not inherit the loader on Node 20.
import { parentPort } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
const { computeFeatures } = await import('../lib/features/compute-features.ts');
parentPort.on('message', (series) => {
  let rows = 0;
  for (const candles of series) rows += computeFeatures(candles).length;
  parentPort.postMessage(rows);
});
parentPort.postMessage('ready');
