// Who may talk to the simulated exchange: the check of every local listener, and for its control routes the secret of the run.
// What trades has keys of its own, as on Binance.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { DOOR_REFUSALS, refusalAtDoor, secretHeaderOf } from '../aws/host/local-door.ts';

export const FAULTS_PATH = '/__faults';

/** Answers whoever may not come in. @param secret of the control routes @returns whether it has */
export function turnAway(incoming: IncomingMessage, response: ServerResponse, secret: string): boolean {
  const address = URL.canParse(incoming.url ?? '', 'http://localhost');
  const isControl = !address || new URL(incoming.url ?? '', 'http://localhost').pathname === FAULTS_PATH;
  const refusal = refusalAtDoor(
    incoming,
    isControl ? { secret: { value: secret, carriedBy: secretHeaderOf } } : {},
  );
  if (refusal === undefined && address) return false;
  const error = refusal === undefined ? 'the address is not one' : DOOR_REFUSALS[refusal];
  response.writeHead(refusal === undefined ? 400 : 403, {
    'Content-Type': 'application/json',
    Connection: 'close',
  });
  response.end(JSON.stringify({ error }));
  return true;
}
