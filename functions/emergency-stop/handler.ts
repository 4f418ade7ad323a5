// The emergency-stop function: everything off, called by its function URL. It alone among the operators' functions holds the
// exchange's keys, to close what is open.

import { composeEmergencyStop } from '../../lib/runtime/compose/people/operator-functions.ts';
import { createOperatorHandler } from '../../lib/runtime/compose/people/operator-handler.ts';
import { emergencyStopSettings } from '../../lib/runtime/config/function-settings.ts';
import { onLambda } from '../../lib/runtime/lambda.ts';

export const handler = onLambda(() =>
  createOperatorHandler(composeEmergencyStop(emergencyStopSettings.read())),
);
