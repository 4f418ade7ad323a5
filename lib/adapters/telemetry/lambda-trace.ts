// One run of a Lambda function as a segment of its X-Ray trace. Only functions load it, when they start: the X-Ray SDK's context
// follows every promise of the process, which the local run does not need.
import { Tracer } from '@aws-lambda-powertools/tracer';

/** Makes the trace searchable by this key. */
export type Annotate = (key: string, value: string | number) => void;

// Requests to the exchange would add hundreds of entries per bar and say no more than the run's timings.
const tracer = new Tracer({ captureHTTPsRequests: false });
// Lambda's own segment is current only in the call that loads the SDK; later runs must be given it.
const lambdaSegment = tracer.isTracingEnabled() ? tracer.getSegment() : undefined;

/** Records the client's calls in the trace of the run that makes them. */
export const traceClient = <Client>(client: Client): Client => tracer.captureAWSv3Client(client);

/** Resolves or rejects as the work does. Outside Lambda it only runs the work. */
export async function traceRun<Result>(work: (annotate: Annotate) => Promise<Result>): Promise<Result> {
  if (lambdaSegment === undefined) return work(() => {});
  return tracer.provider.getNamespace().runAndReturn(async () => {
    tracer.setSegment(lambdaSegment);
    // Reading the segment again makes it adopt the trace of this invocation.
    const part = tracer.getSegment()!.addNewSubsegment('run');
    tracer.setSegment(part);
    tracer.annotateColdStart();
    try {
      const result = await work((key, value) => tracer.putAnnotation(key, value));
      part.close();
      return result;
    } catch (error) {
      part.close(error instanceof Error ? error : String(error));
      throw error;
    }
  });
}
