// The public entry point: an HTTP API in front of the api function, with the routes of its contract and no others. It bounds what the
// function cannot: calls per second. The emergency stop has its own limit, which no other route can use up.
import { CfnOutput, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import {
  type CfnStage,
  HttpApi,
  type HttpMethod,
  HttpStage,
  LogGroupLogDestination,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import { API_ROUTES } from '../../lib/api/api-contract.ts';
import { methodsOf } from '../../lib/api/api-route.ts';
import { dashboardParameter } from '../../lib/runtime/config/stage.ts';
import { functionNameOf } from '../catalog/shared-resources.ts';
import type { StageSettings } from '../catalog/stage-settings.ts';

const CALLS_PER_SECOND = { rateLimit: 5, burstLimit: 10 } as const;
const { stop } = API_ROUTES;
const STOP_ROUTE = `${stop.method} ${stop.path}`;

/** Who called what, from where, with which result. No headers, and so no token. */
const LOGGED = {
  requestId: '$context.requestId',
  time: '$context.requestTime',
  ip: '$context.identity.sourceIp',
  user: '$context.authorizer.iam.userArn',
  route: '$context.routeKey',
  status: '$context.status',
  latencyMs: '$context.responseLatency',
  error: '$context.error.message',
} as const;

interface PublicApiProps {
  readonly settings: StageSettings;
  readonly handler: IFunction;
}

export class PublicApi extends Construct {
  constructor(scope: Construct, id: string, { settings, handler }: PublicApiProps) {
    super(scope, id);
    const name = functionNameOf(settings.stage, 'api');
    const isSigned = settings.apiAuthorisation === 'iam';
    const api = new HttpApi(this, 'Api', {
      apiName: name,
      description: 'Emergency stop and status',
      createDefaultStage: false,
      ...(isSigned && { defaultAuthorizer: new HttpIamAuthorizer() }),
    });
    const integration = new HttpLambdaIntegration('Function', handler);
    const routes = Object.values(API_ROUTES).flatMap((route) =>
      api.addRoutes({ path: route.path, methods: methodsOf(route) as HttpMethod[], integration }),
    );
    if (!isSigned)
      for (const route of routes)
        Validations.of(route).acknowledge({
          id: 'AwsSolutions-APIG4',
          reason: 'The function compares the token in constant time; page and document contain no secrets.',
        });
    const stage = this.createStage(api, name);
    // A route must exist before it gets settings.
    for (const route of routes) stage.node.addDependency(route);
    new CfnOutput(this, 'Url', { value: api.apiEndpoint });
    // For the links in notifications.
    new StringParameter(this, 'Dashboard', {
      parameterName: dashboardParameter(settings.stage),
      stringValue: `${api.apiEndpoint}/`,
    });
  }

  private createStage(httpApi: HttpApi, name: string): HttpStage {
    const log = new LogGroup(this, 'AccessLog', {
      logGroupName: `/aws/vendedlogs/${name}`,
      retention: RetentionDays.ONE_YEAR,
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
    const stage = new HttpStage(this, 'Stage', {
      httpApi,
      stageName: '$default',
      autoDeploy: true,
      throttle: CALLS_PER_SECOND,
      accessLogSettings: {
        destination: new LogGroupLogDestination(log),
        format: AccessLogFormat.custom(JSON.stringify(LOGGED)),
      },
    });
    const { rateLimit, burstLimit } = CALLS_PER_SECOND;
    (stage.node.defaultChild as CfnStage).routeSettings = {
      [STOP_ROUTE]: { ThrottlingRateLimit: rateLimit, ThrottlingBurstLimit: burstLimit },
    };
    return stage;
  }
}
