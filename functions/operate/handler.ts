// The operate function: acts of operators, called by its function URL. AWS has verified caller and permission before it runs.

import { composeOperate } from '../../lib/runtime/compose/people/operator-functions.ts';
import { createOperatorHandler } from '../../lib/runtime/compose/people/operator-handler.ts';
import { operateSettings } from '../../lib/runtime/config/function-settings.ts';
import { onLambda } from '../../lib/runtime/lambda.ts';

export const handler = onLambda(() => createOperatorHandler(composeOperate(operateSettings.read())));
