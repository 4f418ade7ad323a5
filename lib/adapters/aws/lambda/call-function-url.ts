// Calls a function by its URL, signed with the credentials of the environment: AWS verifies who calls, and whether that person may.
import type { SSMClient } from '@aws-sdk/client-ssm';
import { SignatureV4 } from '@smithy/signature-v4';
import { messageOf } from '../../../core/message-of.ts';
import { StoreError } from '../../../core/store-error.ts';

interface FunctionReply {
  readonly status: number;
  readonly body: string;
}

/**
 * Sent once: whoever has no answer asks what came of it. Throws StoreError without an answer.
 * @param call.client whose region and credentials are used
 */
export async function callFunctionUrl(call: {
  readonly client: SSMClient;
  readonly url: string;
  readonly body: string;
  readonly timeoutMs: number;
}): Promise<FunctionReply> {
  const { client, body, timeoutMs } = call;
  const { hostname, host, port, protocol, pathname } = new URL(call.url);
  const { region, credentials, sha256 } = client.config;
  const signer = new SignatureV4({ service: 'lambda', region, credentials, sha256 });
  try {
    const { headers } = await signer.sign({
      method: 'POST',
      protocol,
      hostname,
      ...(port !== '' && { port: Number(port) }),
      path: pathname,
      query: {},
      headers: { host, 'content-type': 'application/json' },
      body,
    });
    const answer = await fetch(call.url, {
      method: 'POST',
      headers,
      body,
      // A signed call goes nowhere else.
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: answer.status, body: await answer.text() };
  } catch (error) {
    const why =
      error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error);
    throw new StoreError(`calling the function failed: ${why}`, { cause: error, retryable: true });
  }
}
