// Inference: the function that decides the signals of a bar and starts execute with them.
import type { Construct } from 'constructs';
import { FunctionStack, type StageStackProps } from '../constructs/function-stack.ts';

export class InferenceStack extends FunctionStack {
  constructor(scope: Construct, id: string, props: StageStackProps) {
    super(scope, id, props);
    this.createFunction('infer');
  }
}
