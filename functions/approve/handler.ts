// The approve function: the second person's word, called by its function URL. A policy of its own says who may.

import { composeApprove } from '../../lib/runtime/compose/people/operator-functions.ts';
import { createOperatorHandler } from '../../lib/runtime/compose/people/operator-handler.ts';
import { operateSettings } from '../../lib/runtime/config/function-settings.ts';
import { onLambda } from '../../lib/runtime/lambda.ts';

export const handler = onLambda(() => createOperatorHandler(composeApprove(operateSettings.read())));
