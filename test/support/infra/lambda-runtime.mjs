// What Lambda's own Node runtime does, as far as a function can tell: it loads the handler from the task's folder, asks the
// runtime API for events one after the other, and answers each with the handler's result or error. Its clock may be set, because
// bars close by the clock.
import './shifted-clock.mjs';
import { pathToFileURL } from 'node:url';

const { AWS_LAMBDA_RUNTIME_API, LAMBDA_TASK_ROOT, _HANDLER } = process.env;
// Not through `fetch`: loading that would be the emulator's share of a cold start, and Lambda's own runtime does not.
const { request: open } = process.getBuiltinModule('node:http');
const ask = (method, path, body) =>
  new Promise((resolve, reject) => {
    const request = open(
      `http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/${path}`,
      { method },
      async (answer) => {
        let text = '';
        for await (const chunk of answer) text += chunk;
        const { headers } = answer;
        resolve({
          id: headers['lambda-runtime-aws-request-id'],
          trace: headers['lambda-runtime-trace-id'],
          text,
        });
      },
    );
    request.on('error', reject).end(body);
  });
const post = (path, body) => ask('POST', path, JSON.stringify(body ?? null));
const describe = (error) => ({ errorType: error?.name, errorMessage: error?.message ?? String(error) });

let handler;
try {
  const [file, name] = _HANDLER.split('.');
  handler = (await import(pathToFileURL(`${LAMBDA_TASK_ROOT}/${file}.mjs`).href))[name];
} catch (error) {
  await post('init/error', describe(error));
  process.exit(1);
}
for (;;) {
  const { id, trace, text } = await ask('GET', 'invocation/next');
  process.env._X_AMZN_TRACE_ID = trace;
  try {
    await post(
      `invocation/${id}/response`,
      await handler(JSON.parse(text), { awsRequestId: id, getRemainingTimeInMillis: () => 300_000 }),
    );
  } catch (error) {
    await post(`invocation/${id}/error`, describe(error));
  }
}
