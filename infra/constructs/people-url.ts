// The URL by which people call a function. AWS lets nobody through without a signature and the permission for this very function, and
// tells the function who it was; the commands find the URL in Parameter Store.
import { FunctionUrlAuthType, type Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import type { ActFunction } from '../../lib/api/operator/operator-acts.ts';
import { functionUrlParameter } from '../../lib/runtime/config/stage.ts';

export function createPeopleUrl(lambda: LambdaFunction, stage: string, name: ActFunction): void {
  const { url } = lambda.addFunctionUrl({ authType: FunctionUrlAuthType.AWS_IAM });
  new StringParameter(lambda.stack, `${name}-url`, {
    parameterName: functionUrlParameter(stage, name),
    stringValue: url,
  });
}
