// One run of a Lambda function as a part of its X-Ray trace. Loaded by functions alone, when they start: the X-Ray SDK's context
// follows every promise of the process, which the local run has no use for.
import { Tracer } from '@aws-lambda-powertools/tracer';

/** Adds to the trace what it is searched by. */
export type Annotate = (key: string, value: string | number) => void;

// Requests to the exchange would be hundreds of entries a bar, and say no more than the run's own timings.
const tracer = new Tracer({ captureHTTPsRequests: false });
// Only in the very call that loads the SDK is Lambda's own segment the current one; a later run has to be given it.
const lambdaSegment = tracer.isTracingEnabled() ? tracer.getSegment() : undefined;

/** Records the client's calls in the trace of the run that makes them. */
export const traceClient = <Client>(client: Client): Client => tracer.captureAWSv3Client(client);

/** Ends as the work does. Outside Lambda it is the work alone. */
export async function traceRun<Result>(work: (annotate: Annotate) => Promise<Result>): Promise<Result> {
  if (lambdaSegment === undefined) return work(() => {});
  return tracer.provider.getNamespace().runAndReturn(async () => {
    tracer.setSegment(lambdaSegment);
    // Asked for again, the segment takes over the trace of this invocation.
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
