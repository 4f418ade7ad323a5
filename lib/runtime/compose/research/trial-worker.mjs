// Worker thread of a sweep: plays one trial after the other on columns that all threads share. Plain JavaScript that registers tsx
// itself, since worker threads do not inherit the loader on Node 20.
import { parentPort, workerData } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
const { playTrial } = await import('./play-trial.ts');
parentPort.on('message', async (settings) => {
  parentPort.postMessage(await playTrial(workerData, settings));
});
