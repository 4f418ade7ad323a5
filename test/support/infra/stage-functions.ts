// The functions of a synthesised stage as they are deployed: each bundle in a process of its own on Node 24, with the settings and
// the permissions of the template.
import { join } from 'node:path';
import type { FunctionName } from '../../../lib/runtime/config/function-settings.ts';
import { type AwsEndpoints, type GuardedAws, guardAws } from './guarded-aws.ts';
import { type EmulatedFunction, startFunction } from './lambda-emulator.ts';
import { permissionsByRole, type Resource, type SynthesisedStage } from './synthesised-stage.ts';

interface RunningFunction {
  readonly lambda: EmulatedFunction;
  readonly aws: GuardedAws;
}

interface StageFunctionsOptions {
  /** Settings and permissions. */
  readonly stage: SynthesisedStage;
  /** @default that of `stage` */
  readonly code?: SynthesisedStage;
  readonly endpoints: AwsEndpoints;
  readonly exchangeUrl: string;
  readonly clockOffsetMs: number;
  /** Of every write's first attempt. @default false */
  readonly losesAnswers?: boolean;
}

export class StageFunctions {
  readonly #options: StageFunctionsOptions;
  readonly #running = new Map<FunctionName, RunningFunction>();

  constructor(options: StageFunctionsOptions) {
    this.#options = options;
  }

  get running(): ReadonlyMap<FunctionName, RunningFunction> {
    return this.#running;
  }

  async start(name: FunctionName): Promise<RunningFunction> {
    const known = this.#running.get(name);
    if (known !== undefined) return known;
    const {
      stage,
      code = stage,
      endpoints,
      exchangeUrl,
      clockOffsetMs,
      losesAnswers = false,
    } = this.#options;
    const permissions = permissionsByRole(stage).get(`${name}/Role`)!;
    const aws = await guardAws(endpoints, permissions, { losesAnswers });
    const { Environment, FunctionName, Handler } = functionOf(stage, name).properties;
    const environment = {
      ...Environment.Variables,
      ...aws.environment,
      AWS_LAMBDA_FUNCTION_NAME: FunctionName,
    };
    if ('QT_EXCHANGE' in environment) environment.QT_EXCHANGE_URL = exchangeUrl;
    const taskRoot = bundleFolderOf(code, name);
    const lambda = await startFunction({ taskRoot, handler: Handler, environment, clockOffsetMs });
    this.#running.set(name, { lambda, aws });
    return { lambda, aws };
  }

  /** One run, all of which its role must allow. */
  async run(name: FunctionName, event: unknown = {}): Promise<unknown> {
    const { lambda, aws } = await this.start(name);
    const result = await lambda.invoke(event).catch((error: unknown) => error);
    if (aws.denied.length > 0) throw new Error(`${name} may not: ${aws.denied.join(', ')}`);
    if (result instanceof Error) throw result;
    return result;
  }

  async close(): Promise<void> {
    for (const { lambda, aws } of this.#running.values()) {
      await lambda.close();
      await aws.close();
    }
    this.#running.clear();
  }
}

export const functionOf = (stage: SynthesisedStage, name: FunctionName): Resource =>
  stage.ofType('AWS::Lambda::Function').find(({ path }) => path === `${name}/Function`)!;

export const bundleFolderOf = (stage: SynthesisedStage, name: FunctionName): string =>
  join(stage.folder, functionOf(stage, name).raw.Metadata['aws:asset:path'] as string);
