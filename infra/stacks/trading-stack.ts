// Trading: the functions that place orders, manage positions and bound the risk, the one that tells people, those that people call,
// and the HTTP API.
import type { Construct } from 'constructs';
import { ACTS, type ActFunction } from '../../lib/api/operator/operator-acts.ts';
import { FunctionStack, type StageStackProps } from '../constructs/function-stack.ts';
import { createPeopleUrl } from '../constructs/people-url.ts';
import { PublicApi } from '../constructs/public-api.ts';

const ACT_FUNCTIONS = Object.keys(ACTS) as readonly ActFunction[];

export class TradingStack extends FunctionStack {
  constructor(scope: Construct, id: string, props: StageStackProps) {
    super(scope, id, props);
    this.createFunction('execute');
    this.createFunction('manage-positions');
    this.createFunction('circuit-breaker');
    this.createFunction('evaluate-rollout');
    for (const name of ACT_FUNCTIONS) createPeopleUrl(this.createFunction(name), props.settings.stage, name);
    this.createFunction('notify');
    new PublicApi(this, 'PublicApi', { settings: props.settings, handler: this.createFunction('api') });
  }
}
