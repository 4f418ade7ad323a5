// Asks the HTTP API, served on this machine, everything that its own OpenAPI document allows and forbids, and compares each answer with
// the document (schemathesis).
//
//   npm run test:api-fuzz
//
// Exit codes: 0 no finding, 1 a finding, or schemathesis cannot be had.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startApiStage, TOKEN } from '../test/support/api/api-stage.ts';
import { preparePythonTools } from './python-tools.ts';

const CASES_PER_OPERATION = 25;
const CONFIGURATION = 'test/aws-emulator/schemathesis.toml';

const programs = preparePythonTools();
if (programs === undefined) process.exit(1);
const stage = await startApiStage();
const door = await openDoor(stage.api.endpoint);
const fuzz = spawn(
  `${programs}/schemathesis`,
  [
    ...['--config-file', CONFIGURATION, 'run', `${door.url}/api/openapi.json`],
    ...['--header', `Authorization: Bearer ${TOKEN}`],
    ...['--phases', 'examples,coverage,fuzzing', '--max-examples', String(CASES_PER_OPERATION)],
    // A stream has no end to wait for.
    ...['--exclude-path', '/api/events'],
    ...['--generation-deterministic', '--continue-on-failure', '--warnings', 'off'],
    ...['--no-color'],
  ],
  { stdio: ['ignore', 'inherit', 'inherit'] },
);
const [code] = await once(fuzz, 'exit');
door.close();
await stage.close();
process.exitCode = code === 0 ? 0 : 1;

/** The API counts calls by their address: here each call has one of its own, all of this machine. */
async function openDoor(target: string) {
  let calls = 0;
  const server = createServer((incoming, response) => {
    calls++;
    const localAddress = `127.1.${Math.floor(calls / 250) % 250}.${1 + (calls % 250)}`;
    const { host: _, ...headers } = incoming.headers;
    const { method, url } = incoming;
    const onward = request(new URL(target), { path: url, method, headers, localAddress }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    incoming.pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
