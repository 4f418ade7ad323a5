// Log line of a call of an operator's function: the principal as AWS verified it, and what came of it.
import type { OperatorCall, OperatorReply } from '../../api/operator/answer-operator.ts';
import type { Telemetry } from './powertools-telemetry.ts';

export function recordOperatorCall(
  { logger }: Telemetry,
  { userArn, body }: OperatorCall,
  { status, answer }: OperatorReply,
): void {
  logger[status === 200 ? 'info' : 'warn']('operator call', { principal: userArn, body, status, answer });
}
