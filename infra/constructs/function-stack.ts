// Functions of one concern, deployed together. The stack of inference and the stack of trading are the same but for which
// functions they hold.
import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { resourcesOfStage } from '../../lib/runtime/config/stage.ts';
import { FUNCTION_NAMES, FUNCTIONS, type FunctionDefinition } from '../catalog/functions.ts';
import { bucketNameOf, sharedArns } from '../catalog/shared-resources.ts';
import type { StageSettings } from '../catalog/stage-settings.ts';
import { PublicApi } from './public-api.ts';
import { ScheduledFunction } from './scheduled-function.ts';

interface FunctionStackProps extends StackProps {
  readonly settings: StageSettings;
  readonly concern: FunctionDefinition['stack'];
}

export class FunctionStack extends Stack {
  constructor(scope: Construct, id: string, props: FunctionStackProps) {
    super(scope, id, props);
    const { stage, exchange, shards, symbols, marketCapUrl, apiAuthorisation } = props.settings;
    const { signalsTable, riskTable } = resourcesOfStage(stage);
    const environment = {
      QT_STAGE: stage,
      QT_EXCHANGE: exchange,
      QT_BUCKET: bucketNameOf(stage),
      QT_SIGNALS_TABLE: signalsTable,
      QT_RISK_TABLE: riskTable,
      QT_SHARDS: String(shards),
      QT_ALARM_TOPIC_ARN: sharedArns(this, stage).topic,
      QT_SYMBOLS: String(symbols),
      QT_MARKET_CAP_URL: marketCapUrl,
      QT_API_AUTHORISATION: apiAuthorisation,
    };
    for (const name of FUNCTION_NAMES.filter((each) => FUNCTIONS[each].stack === props.concern)) {
      const { lambda } = new ScheduledFunction(this, name, { name, stage, environment, shards });
      if (FUNCTIONS[name].servesHttp)
        new PublicApi(this, 'PublicApi', { settings: props.settings, handler: lambda });
    }
  }
}
