// A stack of functions. Its subclasses in infra/stacks say which; what all functions share, the values of their settings, is here.
import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { FunctionEnvironment, FunctionName } from '../../lib/runtime/config/function-settings.ts';
import { resourcesOfStage } from '../../lib/runtime/config/stage.ts';
import { FUNCTIONS } from '../catalog/functions.ts';
import { bucketNameOf, sharedArns } from '../catalog/shared-resources.ts';
import type { StageSettings } from '../catalog/stage-settings.ts';
import { placeInNetwork } from './place-in-network.ts';
import { StageFunction } from './stage-function.ts';

export interface StageStackProps extends StackProps {
  readonly settings: StageSettings;
}

export abstract class FunctionStack extends Stack {
  private readonly stage: string;
  private readonly functionEnvironment: FunctionEnvironment;
  private readonly hasNetwork: boolean;

  constructor(scope: Construct, id: string, props: StageStackProps) {
    super(scope, id, props);
    const { stage, exchange, shards, symbols, apiAuthorisation, externalPositions } = props.settings;
    const { signalsTable, riskTable } = resourcesOfStage(stage);
    this.stage = stage;
    this.hasNetwork = props.settings.network !== undefined;
    this.functionEnvironment = {
      QT_STAGE: stage,
      QT_ACCOUNT: this.account,
      QT_EXCHANGE: exchange,
      QT_BUCKET: bucketNameOf(stage),
      QT_SIGNALS_TABLE: signalsTable,
      QT_RISK_TABLE: riskTable,
      QT_SHARDS: String(shards),
      QT_ALARM_TOPIC_ARN: sharedArns(this, stage).topic,
      QT_SYMBOLS: String(symbols),
      QT_API_AUTHORISATION: apiAuthorisation,
      QT_EXTERNAL_POSITIONS: externalPositions,
    };
  }

  protected createFunction(name: FunctionName): LambdaFunction {
    const { stage, functionEnvironment: environment } = this;
    const { lambda } = new StageFunction(this, name, { name, stage, environment });
    if (this.hasNetwork && FUNCTIONS[name].grants.includes('read_exchange_keys'))
      placeInNetwork(lambda, sharedArns(this, stage).function(name), stage);
    return lambda;
  }
}
