// Whether this process is traced: only once a function has opened its trace. One per process, like the X-Ray SDK's context.
type Trace = Pick<typeof import('./lambda-trace.ts'), 'traceClient' | 'traceRun'>;

let opened: Trace | undefined;

/** Call it before the first client is created: earlier clients are not traced. */
export async function openTrace(): Promise<Trace> {
  const { traceClient, traceRun } = await import('./lambda-trace.ts');
  opened = { traceClient, traceRun };
  return opened;
}

/** The client, its calls recorded where the process is traced. */
export const traced = <Client>(client: Client): Client => opened?.traceClient(client) ?? client;
