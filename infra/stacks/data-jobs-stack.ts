// Data jobs: the daily functions that choose the universe and collect its candles. No trade depends on their being on time.
import type { Construct } from 'constructs';
import { FunctionStack, type StageStackProps } from '../constructs/function-stack.ts';

export class DataJobsStack extends FunctionStack {
  constructor(scope: Construct, id: string, props: StageStackProps) {
    super(scope, id, props);
    this.createFunction('refresh-universe');
    this.createFunction('collect-candles');
  }
}
