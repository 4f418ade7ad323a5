// Trading: the functions that place orders, manage positions and bound the risk, the one that tells people, and
// the HTTP API for an operator's stop.
import type { Construct } from 'constructs';
import { FunctionStack, type StageStackProps } from '../constructs/function-stack.ts';
import { PublicApi } from '../constructs/public-api.ts';

export class TradingStack extends FunctionStack {
  constructor(scope: Construct, id: string, props: StageStackProps) {
    super(scope, id, props);
    this.createFunction('execute');
    this.createFunction('manage-positions');
    this.createFunction('circuit-breaker');
    this.createFunction('evaluate-rollout');
    this.createFunction('notify');
    new PublicApi(this, 'PublicApi', { settings: props.settings, handler: this.createFunction('api') });
  }
}
